using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Plugins.Docker;
using Xunit;

namespace Berth.Tests.Unit.Plugins.Docker;

public sealed class TranslationTests
{
    private static readonly PodPlace Place = new()
    {
        Holder = "holder",
        HolderPid = 77,
        CgroupParent = "/pods/c",
        Containers = new Dictionary<int, string> { [88] = "other" },
    };

    [Fact]
    public void Create_OfABundle_SaysItInTheEnginesWords()
    {
        var created = Translation.Create(Spec(), Place);
        var host = created.HostConfig!;
        Assert.Equal(["/bin/sh", "-c", "true"], created.Entrypoint!);
        Assert.Equal(["HOSTNAME", "TERM", "PATH=/bin", "A=b=c"], created.Env!);
        Assert.Equal(("1000:1001", "/tmp"), (created.User, created.WorkingDir));
        Assert.Equal(["1001", "7"], host.GroupAdd!);
        Assert.Equal(("container:holder", "container:holder", "", ""), (host.NetworkMode, host.IpcMode, host.PidMode, host.UTSMode));
        Assert.Equal("/pods/c", host.CgroupParent);
        Assert.Equal(["ALL"], host.CapDrop!);
        Assert.Equal(["CAP_CHOWN"], host.CapAdd!);
        Assert.Contains("no-new-privileges", host.SecurityOpt!);
        Assert.Contains("""seccomp={"defaultAction":"SCMP_ACT_ALLOW"}""", host.SecurityOpt!);
        Assert.Equal((64 << 20, -1, 128, 50000), (host.Memory, host.MemorySwap, host.CPUShares, host.CPUQuota));
        Assert.Equal(["/proc/kcore"], host.MaskedPaths!);
        Assert.Empty(host.ReadonlyPaths!);
        var mount = Assert.Single(host.Mounts!);
        Assert.Equal(("bind", "/src", "/dst", true, "rslave"), (mount.Type, mount.Source, mount.Target, mount.ReadOnly, mount.BindOptions!.Propagation));
        Assert.Equal(-1, Assert.Single(host.Ulimits!).Hard);
    }

    [Theory]
    [InlineData("linux/namespaces", """[{"type":"pid","path":"/proc/77/ns/pid"}]""", "container:holder", "host")]
    [InlineData("linux/namespaces", """[{"type":"pid","path":"/proc/88/ns/pid"},{"type":"network","path":"/x"}]""", "container:other", "container:holder")]
    [InlineData("linux/namespaces", "[]", "host", "host")]
    public void Create_WithNamespaces_JoinsWhoHasThem(string member, string value, string pid, string network)
    {
        var host = Translation.Create(Spec((member, value)), Place).HostConfig!;
        Assert.Equal((pid, network), (host.PidMode, host.NetworkMode));
    }

    [Theory]
    [InlineData("hooks", """{"prestart":[{"path":"/x"}]}""", "hooks")]
    [InlineData("process/capabilities/ambient", """["CAP_CHOWN"]""", "ambient")]
    [InlineData("process/user/umask", "63", "umask")]
    [InlineData("linux/namespaces", """[{"type":"user"}]""", "user")]
    [InlineData("linux/resources/unified", """{"memory.high":"1"}""", "unified")]
    [InlineData("linux/resources/hugepageLimits", """[{"pageSize":"2MB","limit":1}]""", "hugepageLimits")]
    [InlineData("linux/seccomp/listenerPath", "\"/x\"", "listenerPath")]
    [InlineData("linux/sysctl", """{"net.core.somaxconn":"1"}""", "sysctl")]
    [InlineData("mounts", """[{"destination":"/x","type":"bind","source":"/y","options":["rbind","noexec"]}]""", "noexec")]
    [InlineData("mounts", """[{"destination":"/x","type":"overlay","source":"overlay","options":[]}]""", "overlay")]
    public void Create_OfWhatTheEngineHasNoWordFor_IsRefusedByName(string member, string value, string named)
    {
        var failure = Assert.Throws<RuntimeException>(() => Translation.Create(Spec((member, value)), Place));
        Assert.Equal(RuntimeErrorCode.NotSupported, failure.Code);
        Assert.Contains(named, failure.Message);
    }

    [Fact]
    public void Create_WithTheKubeletsLimitOfNoHugePages_Passes() =>
        Translation.Create(Spec(("linux/resources/hugepageLimits", """[{"pageSize":"2MB","limit":0}]""")), Place);

    [Fact]
    public void Names_OfAPod_AreReadableAndBounded()
    {
        var pod = new PodIdentity { Name = "web", Namespace = "shop", Uid = new('u', 500), Attempt = 3 };
        Assert.Equal($"k8s_POD_web_shop_{new string('u', 64)}_3", PodNames.Holder(pod));
        Assert.Equal($"k8s_a-b_web_shop_{new string('u', 64)}_0", PodNames.Container("a/b", pod, 0));
    }

    private static OciSpec Spec(params (string Path, string Value)[] changes)
    {
        var json = JsonNode.Parse("""
            {
              "ociVersion": "1.0.2",
              "root": { "path": "/r", "readonly": true },
              "process": {
                "args": ["/bin/sh", "-c", "true"], "env": ["PATH=/bin", "A=b=c"], "cwd": "/tmp",
                "user": { "uid": 1000, "gid": 1001, "additionalGids": [1001, 7] },
                "capabilities": { "bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"] },
                "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024 }],
                "noNewPrivileges": true
              },
              "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dst", "type": "bind", "source": "/src", "options": ["rbind", "rslave", "ro"] }
              ],
              "linux": {
                "namespaces": [{ "type": "network", "path": "/n" }, { "type": "ipc" }, { "type": "uts" }, { "type": "pid" }, { "type": "mount" }],
                "resources": { "devices": [{ "allow": false, "access": "rwm" }], "memory": { "limit": 67108864 }, "cpu": { "shares": 128, "quota": 50000 } },
                "seccomp": {"defaultAction":"SCMP_ACT_ALLOW"},
                "maskedPaths": ["/proc/kcore"]
              }
            }
            """)!;
        foreach (var (path, value) in changes)
        {
            var parts = path.Split('/');
            parts[..^1].Aggregate(json, static (node, part) => node[part]!)[parts[^1]] = JsonNode.Parse(value);
        }

        return json.Deserialize<OciSpec>(DockerJson.Settings)!;
    }
}

using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Plugins.Vm;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>A bundle of the host as the guest's runtime gets it.</summary>
public sealed class GuestSpecTests : IDisposable
{
    private const string Config = """
        {
          "root": { "path": "/host/rootfs", "readonly": true },
          "process": { "args": ["true"], "apparmorProfile": "host-profile", "selinuxLabel": "label" },
          "hooks": { "prestart": [{ "path": "/bin/host-hook" }] },
          "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/etc/hosts", "type": "bind", "source": "/host/hosts", "options": ["rbind", "ro"] },
            { "destination": "/dev/shm", "type": "bind", "source": "/host/shm", "options": ["rbind", "rw"] }
          ],
          "linux": {
            "cgroupsPath": "/kubepods/x",
            "namespaces": [
              { "type": "pid" }, { "type": "mount" }, { "type": "network", "path": "/run/netns/x" }, { "type": "ipc", "path": "/run/ipc" }
            ],
            "devices": [{ "path": "/dev/x" }],
            "resources": { "memory": { "limit": 1000 }, "cpu": { "shares": 2, "cpus": "0-3" }, "hugepageLimits": [] }
          }
        }
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void HostMounts_AreTheBinds_ButForSharedMemory()
    {
        var mount = Assert.Single(Read().HostMounts());
        Assert.Equal(new HostMount(1, "/host/hosts", "/etc/hosts", ReadOnly: true, Recursive: true), mount);
    }

    [Fact]
    public void Build_ForTheGuest_NamesNothingOfTheHost()
    {
        var text = System.Text.Encoding.UTF8.GetString(Built());
        Assert.DoesNotContain("/host/", text);
        Assert.DoesNotContain("host-", text);
        Assert.DoesNotContain("selinux", text);
        Assert.DoesNotContain("kubepods", text);
        Assert.DoesNotContain("0-3", text);
    }

    [Fact]
    public void Build_ForTheGuest_HasPathsOfTheGuest()
    {
        var config = JsonNode.Parse(Built())!;
        Assert.Equal("/guest/rootfs", config["root"]!["path"]!.ToString());
        Assert.True(config["root"]!["readonly"]!.GetValue<bool>());
        Assert.Equal(["proc", "/guest/m1", "/guest/shm"], config["mounts"]!.AsArray().Select(static m => m!["source"]!.ToString()));
        Assert.Equal(["pid", "mount", "cgroup"], config["linux"]!["namespaces"]!.AsArray().Select(static n => n!["type"]!.ToString()));
        Assert.Equal("""{"memory":{"limit":1000},"cpu":{"shares":2}}""", config["linux"]!["resources"]!.ToJsonString());
    }

    [Fact]
    public void Read_OfNoBundle_IsRefused() =>
        Assert.Equal(RuntimeErrorCode.InvalidArgument, Assert.Throws<RuntimeException>(() => GuestSpec.Read("/nowhere")).Code);

    private byte[] Built() => Read().Build("/guest/rootfs", "/berth/id", "/guest/shm", new Dictionary<int, string> { [1] = "/guest/m1" });

    private GuestSpec Read()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "config.json"), Config);
        return GuestSpec.Read(_folder.Path);
    }
}

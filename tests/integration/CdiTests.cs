using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Devices by the Container Device Interface, and classes of resources.</summary>
public sealed class CdiTests(Suite suite) : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _file = Path.Combine(suite.Gateway.CdiFolder, "tests.yaml");

    public void Dispose()
    {
        File.Delete(_file);
        File.Delete(suite.Gateway.BlockioFile);
        _folder.Dispose();
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task Device_ByFieldAndAnnotation_BringsAllThatItNeeds(string handler)
    {
        _folder.File("library", "of the driver");
        Write($$"""
            cdiVersion: 0.7.0
            kind: tests.example/thing
            containerEdits:
              env: [THING=ready]
              additionalGids: [4711]
              hooks:
                - {hookName: createRuntime, path: /bin/sh, args: [sh, -c, "cat > {{_folder["state"]}}"], env: [PATH=/bin], timeout: 10}
            devices:
              - name: "0"
                containerEdits:
                  deviceNodes: [{path: /dev/thing0, hostPath: /dev/zero}, {path: /dev/thing-r, hostPath: /dev/zero, permissions: r}]
                  mounts: [{hostPath: {{_folder.Path}}, containerPath: /thing, options: [ro]}]
              - name: "1"
                containerEdits: {env: [ONE=1]}
            """);
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", """
            echo $THING $ONE; id -G; head -c 3 /dev/thing0 | wc -c; cat /thing/library; echo
            touch /thing/x 2>/dev/null || echo refused
            """);
        container.CDIDevices.Add(new CDIDevice { Name = "tests.example/thing=0" });
        container.Annotations["cdi.k8s.io/tests_one"] = "tests.example/thing=1";
        var id = await pod.StartAsync(container);
        await pod.ExitedAsync(id);

        Assert.Equal("ready 1\n0 4711\n3\nof the driver\nrefused\n", LogLine.Join(pod.Log("look.log"), "stdout"));
        Assert.Contains(id, await File.ReadAllTextAsync(_folder["state"]), StringComparison.Ordinal);
        Assert.Contains(4711, (await pod.StatusAsync(id)).User.Linux.SupplementalGroups);
    }

    [Fact]
    public async Task Device_Unknown_IsRefusedUntilItsFileComes()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Script("look", "echo $HERE");
        container.CDIDevices.Add(new CDIDevice { Name = "tests.example/late=a" });
        Assert.Contains("tests.example/late=a is not described", await RefusedAsync(pod, container), StringComparison.Ordinal);
        Write("cdiVersion: 0.6.0\nkind: tests.example/late\ndevices: [{name: a, containerEdits: {env: [HERE=now]}}]\n");
        Assert.Equal("now", await pod.OutputAsync(container));

        container.CDIDevices.Add(new CDIDevice { Name = "no-name" });
        Assert.Contains("no-name", await RefusedAsync(pod, container), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Device_WhoseHookFails_FailsTheStartInItsWords()
    {
        Write("""
            cdiVersion: 0.6.0
            kind: tests.example/broken
            devices: [{name: a, containerEdits: {hooks: [{hookName: createRuntime, path: /bin/false}]}}]
            """);
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.CDIDevices.Add(new CDIDevice { Name = "tests.example/broken=a" });
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.StartAsync(container));
        Assert.Contains("hook", error.Status.Detail, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task Blockio_Class_IsInTheCgroup(string handler)
    {
        var disk = Directory.EnumerateDirectories("/sys/block").Select(static d => (Name: Path.GetFileName(d), Number: File.ReadAllText(Path.Combine(d, "dev")).Trim()))
            .FirstOrDefault(static d => File.Exists(Path.Combine("/dev", d.Name)));
        Assert.SkipWhen(disk.Name is null, "this machine has no block device");
        await File.WriteAllTextAsync(suite.Gateway.BlockioFile, $"Classes: {{slow: [{{Devices: [/dev/{disk.Name}], ThrottleReadBps: 10M}}]}}\n");
        await using var pod = await suite.PodAsync(handler, static c => c.Annotations["blockio.resources.beta.kubernetes.io/pod"] = "slow");
        var id = await pod.StartAsync(Requests.Idle());
        var v2 = File.Exists("/sys/fs/cgroup/cgroup.controllers");
        var limits = (await pod.ExecAsync(id, "cat", v2 ? "/sys/fs/cgroup/io.max" : "/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device")).Output;
        Assert.StartsWith(disk.Number, limits, StringComparison.Ordinal);
        Assert.Contains("10000000", limits, StringComparison.Ordinal);

        var other = Requests.Idle("other");
        other.Annotations["io.kubernetes.cri.blockio-class"] = "fast";
        Assert.Contains("\"fast\" is not in", await RefusedAsync(pod, other), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rdt_Class_IsRefusedWhereTheMachineHasNone()
    {
        Assert.SkipWhen(File.Exists("/sys/fs/resctrl/schemata"), "this machine has resctrl");
        await using var pod = await suite.PodAsync(change: static c => c.Annotations["rdt.resources.beta.kubernetes.io/container.idle"] = "gold");
        Assert.Contains("resctrl is not mounted", await RefusedAsync(pod, Requests.Idle()), StringComparison.Ordinal);
        Assert.NotEmpty(await pod.CreateAsync(Requests.Idle("other")));
    }

    private void Write(string yaml)
    {
        File.WriteAllText(_file, yaml);
        File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static async Task<string> RefusedAsync(TestPod pod, ContainerConfig container) =>
        (await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container))).Status.Detail;
}

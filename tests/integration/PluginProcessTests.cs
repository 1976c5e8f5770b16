using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The process of a plugin ends, or the gateway does: pods go on, and their ends are told as they were.</summary>
public sealed class PluginProcessTests(Suite suite)
{
    private const int SigKill = 9;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Kill_OfThePluginsProcess_LeavesItsPodsAndTheyAreAdopted()
    {
        await using var gateway = await suite.OwnGatewayAsync(Gateway.AddApart);
        using var folder = new TempFolder();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, Gateway.Apart);
        var running = await pod.StartAsync(Requests.Script("running", "trap 'exit 7' TERM; while :; do sleep 3600 & wait; done"));
        var created = await pod.CreateAsync(Requests.Script("created", "exit 5"));
        var waiting = Requests.Script("meanwhile", "until [ -e /signal/go ]; do sleep 0.02; done; exit 9");
        waiting.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/signal" });
        var meanwhile = await pod.StartAsync(waiting);

        var before = Assert.Single(gateway.PluginProcesses);
        PidFd.TryOpen(before)!.Signal(SigKill);
        folder.File("go", "");
        await Wait.ForAsync(() => gateway.PluginProcesses is [var pid] && pid != before, Limit);

        Assert.Equal((9, "Error"), ((await pod.ExitedAsync(meanwhile)).ExitCode, (await pod.StatusAsync(meanwhile)).Reason));
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(running, "echo", "alive"));
        await gateway.Client.Runtime.StartContainerAsync(new() { ContainerId = created });
        Assert.Equal(5, (await pod.ExitedAsync(created)).ExitCode);
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = running, Timeout = 20 });
        Assert.Equal(7, (await pod.StatusAsync(running)).ExitCode);
        Assert.Contains("it is started again", gateway.Log, StringComparison.Ordinal);
        await TellsOfTheProcessAsync(gateway);
    }

    private static async Task TellsOfTheProcessAsync(Gateway gateway)
    {
        var row = (await gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Single(static p => p.Id == "oci-apart");
        Assert.Equal((Assert.Single(gateway.PluginProcesses), 1L), (row.Pid, row.Restarts));
        Assert.InRange(row.MemoryBytes, 10 << 20, 512 << 20);
        using var http = new HttpClient();
        var page = await http.GetStringAsync(gateway.Metrics, TestContext.Current.CancellationToken);
        Assert.Contains("berth_plugin_process_restarts_total{plugin=\"oci-apart\",version=\"0.1.0\"} 1", page, StringComparison.Ordinal);
        foreach (var series in (string[])["cpu_seconds_total", "resident_memory_bytes", "open_fds"])
        {
            Assert.Matches($$"""berth_plugin_process_{{series}}\{plugin="oci-apart",version="0.1.0"\} [0-9.]*[1-9]""", page);
        }
    }

    [Fact]
    public async Task Kill_OfTheGateway_TakesThePluginsProcessAndNoPod()
    {
        await using var gateway = await suite.OwnGatewayAsync(Gateway.AddApart);
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, Gateway.Apart);
        var id = await pod.StartAsync(Requests.Script("running", "trap 'exit 7' TERM; while :; do sleep 3600 & wait; done"));
        var process = Assert.Single(gateway.PluginProcesses);

        await gateway.KillAsync();
        await Wait.ForAsync(() => !Directory.Exists($"/proc/{process}"), Limit);
        await gateway.StartAgainAsync();

        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal(7, (await pod.StatusAsync(id)).ExitCode);
    }

    [Fact]
    public async Task Terminate_OfTheGateway_LeavesNoProcessAndNoCgroup()
    {
        await using var gateway = await suite.OwnGatewayAsync(Gateway.AddApart);
        var process = Assert.Single(gateway.PluginProcesses);
        var cgroup = new Cgroups(CgroupLayout.Detect()).PathOf(process, "memory")!;
        Assert.Contains("/berth-plugins-", cgroup, StringComparison.Ordinal);
        Assert.Equal(0, await gateway.TerminateAsync());
        Assert.False(Directory.Exists($"/proc/{process}"));
        Assert.False(new Cgroups(CgroupLayout.Detect()).Exists(Path.GetDirectoryName(cgroup)!));
        await gateway.StartAgainAsync();
    }
}

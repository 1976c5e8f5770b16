using System.Text.RegularExpressions;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// What code in the gateway's own process can do and nobody can contain ends the gateway. Whoever starts it again finds its pods alive,
/// and the culprit quarantined.
/// </summary>
public sealed class DeathTests(RestartedGateway restarted) : IClassFixture<RestartedGateway>
{
    private const int SigKill = 9;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    // What the unit of systemd notes of the end; the test stands in for it where nothing else tells of that end.
    public static TheoryData<string, string, string> Deaths => new()
    {
        { "overflows-the-stack", "the gateway died of it, in StartSandbox: Stack overflow.", "" },
        { "exits", "the gateway died of it, in StartSandbox: the process was made to exit", "" },
        { "fails-fast", "the gateway died of it, in StartSandbox: Process terminated.", "" },
        { "throws-apart", "the gateway died of it, in StartSandbox: Unhandled exception.", "" },
        { "crashes-natively", "the gateway died of it, in StartSandbox: core-dump dumped SEGV", "core-dump dumped SEGV" },
        { "leaks-descriptors", "the gateway ran out of descriptors", "" },
        { "leaks-threads", "the gateway ran out of threads", "" },
    };

    private Gateway Gateway => restarted.Gateway;

    [Theory, MemberData(nameof(Deaths))]
    public async Task Death_InAPluginsCall_QuarantinesItAndNobodyElse(string deed, string reason, string note)
    {
        await InstallAsync("obeys");
        await using var beside = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc");
        var idle = await beside.StartAsync(Requests.Idle());
        var own = await RunAsync("obeys", "lives-on");
        if (deed == "throws-apart")
        {
            // It is told apart even from a copy of itself that has a call running.
            _ = RunAsync("beside", "hangs").ContinueWith(static t => t.Exception, TaskScheduler.Default);
            await Wait.ForAsync(() => Gateway.Log.Contains("pod tests/hangs", StringComparison.Ordinal), Soon);
        }

        await using (await LimitedAsync(deed))
        {
            var last = await Assert.ThrowsAsync<RpcException>(() => RunAsync("obeys", deed));
            Assert.Equal(StatusCode.Unavailable, last.StatusCode);
            await Gateway.Ended.WaitAsync(Soon, TestContext.Current.CancellationToken);
        }

        await StartAgainAsync(note);

        var (ready, text) = await Gateway.HandlerAsync("obeys");
        Assert.False(ready);
        Assert.Contains(reason, text, StringComparison.Ordinal);
        Assert.Contains(text, Gateway.Log, StringComparison.Ordinal);
        Assert.Contains(reason, (await Gateway.Client.Admin.ListPluginsAsync(new())).Plugins.Single(static p => p.Id == "deadly").Reason, StringComparison.Ordinal);
        Assert.Equal("Quarantined", (await Gateway.Client.Admin.ListHandlersAsync(new())).Handlers.Single(static h => h.Name == "obeys").State);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => RunAsync("obeys", "refused"))).StatusCode);
        Assert.Equal((0, "alive\n", ""), await beside.ExecAsync(idle, "echo", "alive"));
        Assert.True((await Gateway.HandlerAsync("beside")).Ready);
        Assert.Contains((await Gateway.Client.Runtime.ListPodSandboxAsync(new())).Items, p => p.Id == own && p.State == PodSandboxState.SandboxReady);
        await RemoveAsync(own);

        await Gateway.Client.Admin.ReleasePluginAsync(new() { Plugin = "deadly" });
        await RemoveAsync(await RunAsync("obeys", "well"));
        await UninstallAsync();
    }

    [Fact]
    public async Task Death_InWhatAStartCalls_DoesNotComeBack()
    {
        await InstallAsync("obeys");
        var own = await RunAsync("obeys", "lives-on");
        // It is tried before it comes into force.
        Write("dies-in-its-check", "2.0.0");
        await Gateway.Ended.WaitAsync(Soon, TestContext.Current.CancellationToken);
        await Gateway.Ended;
        await Gateway.StartAgainAsync();

        var (ready, text) = await Gateway.HandlerAsync("obeys");
        Assert.False(ready);
        Assert.Contains("the gateway died of it, in Check: Stack overflow.", text, StringComparison.Ordinal);
        Assert.Contains((await Gateway.Client.Runtime.ListPodSandboxAsync(new())).Items, p => p.Id == own && p.State == PodSandboxState.SandboxReady);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => RunAsync("obeys", "refused"))).StatusCode);
        // Back again: its pod is served, and new ones.
        Write("obeys", "1.0.0");
        await Wait.ForAsync(() => Gateway.HandlerAsync("obeys"), static h => h.Ready, Soon);
        await RemoveAsync(own);
        await RemoveAsync(await RunAsync("obeys", "well"));
        await UninstallAsync();
    }

    /// <summary>
    /// Memory without end: the kernel kills the gateway, which says nothing about who it was. Once may be chance; whoever had a call running
    /// both times is the culprit. Pods live on.
    /// </summary>
    [Fact]
    public async Task Death_OfMemory_ConvictsAtTheSecondTime()
    {
        await InstallAsync("obeys");
        await using var beside = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc");
        var idle = await beside.StartAsync(Requests.Idle());
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal((true, ""), await Gateway.HandlerAsync("obeys"));
            await using (Enter("""{ "memory": { "limit": 419430400, "swap": 419430400 } }"""))
            {
                await Assert.ThrowsAsync<RpcException>(() => RunAsync("obeys", "allocates"));
                Assert.Equal(128 + SigKill, await Gateway.Ended);
            }

            await StartAgainAsync("oom-kill killed KILL");
            Assert.Equal((0, "alive\n", ""), await beside.ExecAsync(idle, "echo", "alive"));
        }

        var (ready, reason) = await Gateway.HandlerAsync("obeys");
        Assert.False(ready);
        Assert.Contains("the gateway died again while it was in StartSandbox: the kernel was out of memory", reason, StringComparison.Ordinal);
        Assert.True((await Gateway.HandlerAsync("beside")).Ready);
        await Gateway.Client.Admin.ReleasePluginAsync(new() { Plugin = "deadly" });
        await UninstallAsync();
    }

    [Fact]
    public async Task Kill_FromOutside_IsNobodysFault()
    {
        await InstallAsync("obeys");
        foreach (var deed in (string[])["hangs", "spins"])
        {
            var seen = Regex.Count(Gateway.Log, $"tests/{deed}");
            var running = RunAsync("obeys", deed);
            await Wait.ForAsync(() => Regex.Count(Gateway.Log, $"tests/{deed}") > seen, Soon);
            // Until then it takes no more from others than what it takes of the machine.
            await using (var beside = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc"))
            {
                await beside.StartAsync(Requests.Idle());
            }

            await Gateway.KillAsync();
            await Assert.ThrowsAsync<RpcException>(() => running);
            await Gateway.StartAgainAsync();
            Assert.Equal((true, ""), await Gateway.HandlerAsync("obeys"));
        }

        await UninstallAsync();
    }

    // Less than the machine's, to be quick.
    private async Task<IAsyncDisposable?> LimitedAsync(string deed)
    {
        switch (deed)
        {
            case "leaks-threads": return Enter("""{ "pids": { "limit": 800 } }""");
            case "leaks-descriptors":
                var set = await CommandRunner.RunAsync(new() { Path = "prlimit", Arguments = ["--pid", $"{Gateway.Pid}", "--nofile=6000:"] }, null, 1000, TestContext.Current.CancellationToken);
                Assert.True(set.ExitCode == 0, set.Error);
                return null;
            default: return null;
        }
    }

    private LimitedCgroup Enter(string resources)
    {
        var cgroup = new LimitedCgroup(resources);
        cgroup.Enter(Gateway.Pid);
        return cgroup;
    }

    private async Task StartAgainAsync(string note)
    {
        if (note.Length > 0)
        {
            File.WriteAllText(Path.Combine(Gateway.State, "last-end"), note);
        }

        await Gateway.StartAgainAsync();
    }

    private void Write(string deed, string version) =>
        HostilePlugins.Write(Gateway.PluginFolder, "deadly", new Dictionary<string, string> { ["obeys"] = deed }, version, "in-process");

    private async Task InstallAsync(string deed)
    {
        Write(deed, "1.0.0");
        HostilePlugins.Write(Gateway.PluginFolder, "a-copy", new Dictionary<string, string> { ["beside"] = "obeys" }, isolation: "in-process");
        await Gateway.Client.Admin.ReloadAsync(new());
        Assert.Equal((true, ""), await Gateway.HandlerAsync("obeys"));
    }

    private async Task UninstallAsync()
    {
        await Gateway.RemovePodsAsync();
        Directory.Delete(Path.Combine(Gateway.PluginFolder, "deadly"), recursive: true);
        Directory.Delete(Path.Combine(Gateway.PluginFolder, "a-copy"), recursive: true);
        await Gateway.Client.Admin.ReloadAsync(new());
    }

    private async Task<string> RunAsync(string handler, string name)
    {
        var config = Requests.Pod(name);
        config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        return (await Gateway.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = handler })).PodSandboxId;
    }

    private async Task RemoveAsync(string id)
    {
        await Gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await Gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
    }
}

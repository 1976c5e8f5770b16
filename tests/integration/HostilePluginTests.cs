using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Plugins in processes of their own do their worst: no other pod and no call of the API is the worse for it.</summary>
public sealed class HostilePluginTests(HostileGateway hostile) : IClassFixture<HostileGateway>
{
    private const int SigKill = 9;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Failing => [.. HostileGateway.Failing.Keys];

    public static TheoryData<string> Silent => ["hangs", "spins"];

    private Gateway Gateway => hostile.Gateway;

    [Theory, MemberData(nameof(Failing))]
    public async Task Pod_OnAPluginThatBreaks_FailsAlone(string does)
    {
        var failure = await Assert.ThrowsAsync<RpcException>(() => RunAsync(does));
        Assert.True(failure.Status.Detail.Contains(HostileGateway.Failing[does], StringComparison.Ordinal), failure.Status.Detail);
        await hostile.AssertUndisturbedAsync();
        // Whatever became of its process, there is one again.
        await Wait.ForAsync(() => hostile.PidsOf(does).Count == 1, Limit);
    }

    [Theory, MemberData(nameof(Silent))]
    public async Task Pod_OnAPluginThatNeverAnswers_HoldsUpNobody(string does)
    {
        var before = await Wait.ForAsync(() => Task.FromResult(hostile.PidsOf(does)), static p => p.Count == 1, Limit);
        var running = RunAsync(does);
        await hostile.AssertUndisturbedAsync();
        Assert.False(running.IsCompleted);
        // An operator ends it, and with it the call.
        PidFd.TryOpen(before[0])!.Signal(SigKill);
        // On a machine that is busy enough the deadline of the call comes first.
        Assert.True((await Assert.ThrowsAsync<RpcException>(() => running)).StatusCode is StatusCode.Internal or StatusCode.DeadlineExceeded);
        await Wait.ForAsync(() => hostile.PidsOf(does) is [var pid] && pid != before[0], Limit);
    }

    [Fact]
    public async Task Plugin_WithoutItsLibrary_IsNotReadyForThisReason()
    {
        var (ready, reason) = await Gateway.HandlerAsync("lacks-a-library");
        Assert.False(ready);
        Assert.True(reason.Contains("DllNotFoundException", StringComparison.Ordinal), reason);
        await hostile.AssertUndisturbedAsync();
    }

    [Fact]
    public async Task Plugin_WithOlderPackages_HasItsOwn()
    {
        var row = (await Gateway.Client.Admin.ListHandlersAsync(new())).Handlers.Single(static h => h.Name == "brings-old-packages");
        Assert.Equal((true, "3.25.1"), (row.Ready, row.RuntimeVersion));
        await RunAndRemoveAsync("brings-old-packages");
    }

    [Fact]
    public async Task Plugin_ThatFloodsTheLog_IsCutShort()
    {
        await RunAndRemoveAsync("floods-the-log");
        Assert.InRange(Gateway.Log.Split('\n').Count(static l => l.Contains("flood ", StringComparison.Ordinal)), 1, 5_000);
        await hostile.AssertUndisturbedAsync();
    }

    [Fact]
    public async Task Plugin_ThatStaysAtTheEnd_EndsWithTheGateway()
    {
        await RunAndRemoveAsync("stays-at-the-end");
        var pids = HostileGateway.Failing.Keys.SelectMany(hostile.PidsOf).Distinct().ToList();
        Assert.Contains(pids, static p => Directory.Exists($"/proc/{p}"));
        await Gateway.KillAsync();
        await Wait.ForAsync(() => !pids.Any(static p => Directory.Exists($"/proc/{p}")), Limit);
        await Gateway.StartAgainAsync();
        await hostile.AssertUndisturbedAsync();
        Assert.Single(hostile.PidsOf("stays-at-the-end"));
    }

    private async Task RunAndRemoveAsync(string handler)
    {
        var id = await RunAsync(handler);
        await Gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await Gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
    }

    // On the node's network: what is tried here has nothing to do with a pod's own.
    private async Task<string> RunAsync(string handler)
    {
        var config = Requests.Pod(handler);
        config.Linux ??= new();
        config.Linux.SecurityContext ??= new();
        config.Linux.SecurityContext.NamespaceOptions = new() { Network = NamespaceMode.Node, Pid = NamespaceMode.Container };
        return (await Gateway.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = handler })).PodSandboxId;
    }
}

using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// Plugins do their worst, in processes of their own and, as far as it can be borne there, in the gateway's: no other pod and no call of
/// the API is the worse for it. <see cref="DeathTests"/> has what the gateway does not survive.
/// </summary>
public sealed class HostilePluginTests(HostileGateway hostile) : IClassFixture<HostileGateway>
{
    private const int SigKill = 9;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static TheoryData<string, string> Failing => [.. HostileGateway.FailingBySide];

    public static TheoryData<string> Isolations => [HostileGateway.Process, HostileGateway.InProcess];

    public static TheoryData<string> Silent => ["hangs", "spins"];

    private Gateway Gateway => hostile.Gateway;

    [Theory, MemberData(nameof(Failing))]
    public async Task Pod_OnAPluginThatBreaks_FailsAlone(string does, string isolation)
    {
        var failure = await Assert.ThrowsAsync<RpcException>(() => RunAsync(HostileGateway.HandlerOf(does, isolation)));
        Assert.True(failure.Status.Detail.Contains(HostileGateway.Failing[does], StringComparison.Ordinal), failure.Status.Detail);
        await hostile.AssertUndisturbedAsync();
        // Whatever became of its process, there is one again.
        await Wait.ForAsync(() => isolation == HostileGateway.InProcess || hostile.PidsOf(does).Count == 1, Limit);
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

    /// <summary>What a plugin leaks in the gateway's process is there until that ends; bounded, it takes nothing from anybody.</summary>
    [Theory]
    [InlineData("leaks-some-threads")]
    [InlineData("leaks-some-descriptors")]
    public async Task Pod_OnAPluginThatLeaksInTheGateway_Starts(string does)
    {
        await RunAndRemoveAsync(HostileGateway.HandlerOf(does, HostileGateway.InProcess));
        await hostile.AssertUndisturbedAsync();
    }

    [Theory, MemberData(nameof(Isolations))]
    public async Task Plugin_WithoutItsLibrary_IsNotReadyForThisReason(string isolation)
    {
        var (ready, reason) = await Gateway.HandlerAsync(HostileGateway.HandlerOf("lacks-a-library", isolation));
        Assert.False(ready);
        Assert.True(reason.Contains("DllNotFoundException", StringComparison.Ordinal), reason);
        await hostile.AssertUndisturbedAsync();
    }

    [Theory, MemberData(nameof(Isolations))]
    public async Task Plugin_WithOlderPackages_HasItsOwn(string isolation)
    {
        var handler = HostileGateway.HandlerOf("brings-old-packages", isolation);
        var row = (await Gateway.Client.Admin.ListHandlersAsync(new())).Handlers.Single(h => h.Name == handler);
        Assert.Equal((true, "3.25.1 16.0.0", ""), (row.Ready, row.RuntimeVersion, row.Reason));
        Assert.NotEqual("3.25.1", typeof(Google.Protobuf.ByteString).Assembly.GetName().Version!.ToString(3));
        await RunAndRemoveAsync(handler);
    }

    [Theory, MemberData(nameof(Isolations))]
    public async Task Plugins_WithANativeLibraryOfTheSameName_HaveEachItsOwn(string isolation)
    {
        Assert.SkipUnless(File.Exists(NativeLibraries.Compiler), $"{NativeLibraries.Compiler}, which makes the libraries, is not installed");
        var rows = (await Gateway.Client.Admin.ListHandlersAsync(new())).Handlers;
        Assert.All((int[])[1, 2], version => Assert.Equal(
            (true, $"native {version}", ""), rows.Where(h => h.Name == NativeLibraries.NameOf(version, isolation)).Select(static h => (h.Ready, h.RuntimeVersion, h.Reason)).Single()));
    }

    /// <summary>
    /// A thread and a timer that run on, and a DisposeAsync that never ends: the new version serves; what is left in the gateway is counted
    /// and keeps its folder; what is left in a process of its own is ended.
    /// </summary>
    [Fact]
    public async Task Plugin_ThatHoldsOn_IsReplacedAllTheSame()
    {
        await RunAndRemoveAsync("holds-on");
        await RunAndRemoveAsync(HostileGateway.HandlerOf("holds-on", HostileGateway.InProcess));
        await Wait.ForAsync(() => !new Cgroups(CgroupLayout.Detect()).Exists(hostile.HeldCgroup), Limit);
        using var http = new HttpClient();
        await Wait.ForAsync(() => http.GetStringAsync(Gateway.Metrics), static page => page.Split('\n').Contains("berth_plugin_remnants 1"), Limit);
        Assert.True(Directory.Exists(hostile.HeldFolder));
        await hostile.AssertUndisturbedAsync();
    }

    [Fact]
    public async Task Plugin_ThatFloodsTheLog_IsCutShort()
    {
        await RunAndRemoveAsync("floods-the-log");
        Assert.InRange(Gateway.Log.Split('\n').Count(static l => l.Contains("flood ", StringComparison.Ordinal)), 1, 5_000);
        await hostile.AssertUndisturbedAsync();
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

using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>A container from create to exit.</summary>
public sealed class LifecycleContract
{
    private const int SigKill = 9, SigTerm = 15;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exit_OfACommand_HasItsCodeAndTime(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        foreach (var code in (int[])[0, 3])
        {
            var before = TimeProvider.System.GetUtcNow().AddSeconds(-1);
            var exit = await (await turn.Pod.RunAsync($"exit {code}")).Init.Exit.Soon();
            Assert.Equal(code, exit.Code);
            Assert.Null(exit.LostReason);
            Assert.False(exit.OutOfMemory);
            Assert.InRange(exit.FinishedAt, before, TimeProvider.System.GetUtcNow().AddSeconds(1));
        }
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Container_BeforeItsStart_DoesNotRunItsCommand(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("echo ran; sleep 1000");
        var container = await turn.Pod.CreateAsync(request);
        Assert.False(container.Init.Exit.IsCompleted);
        Assert.Equal("", File.Exists(request.LogPath) ? await File.ReadAllTextAsync(request.LogPath!) : "");
        await container.Init.StartAsync(CancellationToken.None);
        await Waiting.LogAsync(request, "ran");
        await container.Init.StartAsync(CancellationToken.None);
        Assert.Equal(request.ContainerId, turn.Pod.Sandbox.FindContainer(request.ContainerId)!.Id);
        Assert.Null(turn.Pod.Sandbox.FindContainer("other"));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Process_OfAContainer_IsSeenWhereTheHandlerSays(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.RunAsync("exec sleep 1000");
        var pids = await container.PidsAsync(CancellationToken.None);
        if (turn.Host.Features.HostProcesses)
        {
            Assert.Contains(container.Init.Pid, pids);
            Assert.Contains(container.Init.Pid, turn.Host.Cgroups.Pids(turn.Pod.CgroupOf(container.Id)));
        }

        // A runtime's start may answer a moment before the command takes the place of the runtime's own process.
        await Waiting.TrueAsync(async () => await turn.Pod.ExecAsync(container, "cat", "/proc/1/cmdline") == (0, "sleep\01000\0"));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Signal_ToTheProcess_IsItsToHandle(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done");
        var container = await turn.Pod.RunAsync(request);
        await Waiting.LogAsync(request, "ready");
        await container.Init.SignalAsync(SigTerm, SignalScope.Process, CancellationToken.None);
        Assert.Equal(42, (await container.Init.Exit.Soon()).Code);
        await container.Init.SignalAsync(SigTerm, SignalScope.All, CancellationToken.None);
        await Assert.ThrowsAsync<RuntimeException>(() => container.Init.SignalAsync(65, SignalScope.Process, CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Stop_OfACommandThatIgnoresTerm_EndsWithTheKill(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("trap 'echo no' TERM; echo ready; while :; do sleep 0.05; done");
        var container = await turn.Pod.RunAsync(request);
        await Waiting.LogAsync(request, "ready");
        await container.Init.SignalAsync(SigTerm, SignalScope.Process, CancellationToken.None);
        await Waiting.LogAsync(request, "no");
        Assert.False(container.Init.Exit.IsCompleted);
        await container.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_OfAll_EndsWith137(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.RunAsync("sleep 1000 & sleep 1000");
        await container.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        Assert.Empty(await container.PidsAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_OfARefusedContainerThatNobodyStarted_EndsIt(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.CreateAsync(await turn.Pod.PlanAsync("", arguments: ["/bin/no-such-command"]));
        await container.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        await container.Init.Exit.Soon();
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Stdin_NotAskedFor_IsEmpty(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        Assert.Equal(5, (await (await turn.Pod.RunAsync("cat; exit 5")).Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Stdin_ClosedByTheGateway_EndsTheReader(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Stdin);
        var container = await turn.Pod.RunAsync(await turn.Pod.PlanAsync("cat; exit 6") with { Stdin = true, StdinOnce = true });
        Assert.False(container.Init.Exit.IsCompleted);
        await container.Init.CloseStdinAsync(CancellationToken.None);
        Assert.Equal(6, (await container.Init.Exit.Soon()).Code);
        await container.Init.CloseStdinAsync(CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Start_OfAMissingCommand_FailsWithTheReasonAndEnds(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.CreateAsync(await turn.Pod.PlanAsync("", arguments: ["/bin/no-such-command"]));
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => container.Init.StartAsync(CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
        Assert.Contains("no-such-command", failure.Message);
        Assert.NotEqual(0, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Create_OfABundleThatIsNoBundle_Fails(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("true");
        await File.WriteAllTextAsync(Path.Combine(request.BundlePath, "config.json"), "{");
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => turn.Pod.CreateAsync(request));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
        var noFolder = await turn.Pod.PlanAsync("true") with { LogPath = Path.Combine(turn.Host.Folder, "no", "folder") };
        await Assert.ThrowsAsync<RuntimeException>(() => turn.Pod.CreateAsync(noFolder));
    }
}

using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>A second handler object on the same folders takes over what the first one made.</summary>
public sealed class RestoreContract
{
    private const int SigKill = 9;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfRunningAndEndedContainers_FindsThemAsTheyAre(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var running = await pod.RunAsync("sleep 1000");
        var ended = await pod.RunAsync("exit 11");
        var first = await ended.Init.Exit.Soon();
        await host.RestartAsync();
        await pod.RestoreAsync();

        var exit = await pod.Sandbox.FindContainer(ended.Id)!.Init.Exit.Soon();
        Assert.Equal(11, exit.Code);
        Assert.Equal(first.FinishedAt, exit.FinishedAt);
        var adopted = pod.Sandbox.FindContainer(running.Id)!;
        Assert.Equal(running.Init.Pid, adopted.Init.Pid);
        await adopted.Init.StartAsync(CancellationToken.None);
        var exec = await adopted.ExecAsync(new() { ExecId = "e", ProcessPath = pod.WriteProcess("e", "true") }, CancellationToken.None);
        await exec.StartAsync(CancellationToken.None);
        Assert.Equal(0, (await exec.Exit.Soon()).Code);
        await adopted.Init.SignalAsync(SigKill, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await adopted.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Dispose_OfTheHandler_LetsItsPodsRunOn(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var container = await pod.RunAsync("sleep 1000");
        var (pid, exit) = (container.Init.Pid, container.Init.Exit);
        await host.ReplaceAsync();
        await pod.RestoreAsync();
        var adopted = pod.Sandbox.FindContainer(container.Id)!;
        Assert.Equal(pid, adopted.Init.Pid);
        Assert.Equal((0, "alive\n"), await pod.ExecAsync(adopted, "echo", "alive"));
        Assert.False(adopted.Init.Exit.IsCompleted);
        Assert.False(exit.IsCompletedSuccessfully);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfACreatedContainer_LetsItStart(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var created = await pod.CreateAsync(await pod.PlanAsync("exit 12"));
        await host.RestartAsync();
        await pod.RestoreAsync(started: false);
        var adopted = pod.Sandbox.FindContainer(created.Id)!;
        await adopted.Init.StartAsync(CancellationToken.None);
        Assert.Equal(12, (await adopted.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Start_ThatWorkedBeforeTheRestart_IsNoFailureAfterIt(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var container = await pod.RunAsync("sleep 1000");
        await host.RestartAsync();
        await pod.RestoreAsync(started: false);
        await pod.Sandbox.FindContainer(container.Id)!.Init.StartAsync(CancellationToken.None);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfARefusedContainer_KeepsTheReason(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var (host, pod) = (turn.Host, turn.Pod);
        var container = await pod.CreateAsync(await pod.PlanAsync("", arguments: ["/bin/no-such-command"]));
        await host.RestartAsync();
        await pod.RestoreAsync(started: false);
        var failure = await Assert.ThrowsAsync<RuntimeException>(
            () => pod.Sandbox.FindContainer(container.Id)!.Init.StartAsync(CancellationToken.None));
        Assert.Contains("no-such-command", failure.Message);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exit_OfAContainerWhoseMonitorIsKilled_IsLostAndItsProcessesEnd(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var monitorOf = MonitorOf(host);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000 & sleep 1000");
        Kill(monitorOf(container));
        await AssertLostAsync(host, pod, container);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfAContainerWhoseMonitorWasKilled_IsLostAndItsProcessesEnd(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var monitorOf = MonitorOf(host);
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000 & sleep 1000");
        var monitor = monitorOf(container);
        await host.RestartAsync();
        Kill(monitor);
        await pod.RestoreAsync();
        await AssertLostAsync(host, pod, pod.Sandbox.FindContainer(container.Id)!);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfASandboxWhoseHolderWasKilled_EndsItsContainers(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised);
        var pod = await host.StartPodAsync(host.Features.SharedPidNamespace);
        var holder = (await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid;
        Assert.SkipWhen(holder == 0, $"{handler} has no process that holds a pod");
        var running = await pod.RunAsync("sleep 1000");
        await host.KillAsync();
        Kill(holder);
        await Waiting.TrueAsync(() => ProcStat.TryRead(holder) is null or { State: 'Z' });
        await host.ReviveAsync();
        await pod.RestoreAsync();

        Assert.NotEqual(0, (await pod.Sandbox.Exit.Soon()).Code);
        var exit = await pod.Sandbox.FindContainer(running.Id)!.Init.Exit.Soon();
        Assert.True(exit.Code == 137 || exit is { Code: 255, LostReason: not null }, $"{exit}");
        await pod.DestroyAsync();
        Assert.Empty(await host.Handler.ListOwnedAsync(CancellationToken.None));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfAContainerThatWasNeverMade_EndsIt(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var request = await pod.PlanAsync("true");
        await pod.RestoreAsync(started: false);
        Assert.NotNull((await pod.Sandbox.FindContainer(request.ContainerId)!.Init.Exit.Soon()).LostReason);
        // A restore that is asked for again is as good as the first.
        await pod.RestoreAsync(started: false);
        Assert.Equal(13, (await (await pod.RunAsync("exit 13")).Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Restore_OfASandboxWithAnInit_KeepsItsNamespace(string handler, bool serialised)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised, Lacks.SharedPidNamespace);
        var pod = await host.StartPodAsync(sharedPid: true);
        var before = await pod.Sandbox.InfoAsync(CancellationToken.None);
        await host.RestartAsync();
        await pod.RestoreAsync();
        Assert.Equal(before.NamespacePaths, (await pod.Sandbox.InfoAsync(CancellationToken.None)).NamespacePaths);
        await pod.DestroyAsync();
        Assert.NotEqual(0, (await pod.Sandbox.Exit.Soon()).Code);
        host.States.Clear();
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => pod.RestoreAsync());
        Assert.Equal(RuntimeErrorCode.NotFound, failure.Code);
    }

    private static Func<IContainer, int> MonitorOf(ContractHost host)
    {
        Assert.SkipWhen(host.UnderTest.MonitorOf is null, $"{host.UnderTest.Name} has no monitor for a container");
        return host.UnderTest.MonitorOf!;
    }

    private static void Kill(int pid)
    {
        using var process = PidFd.TryOpen(pid);
        process!.Signal(SigKill);
    }

    private static async Task AssertLostAsync(ContractHost host, ContractPod pod, IContainer container)
    {
        var exit = await container.Init.Exit.Soon();
        Assert.Equal(255, exit.Code);
        Assert.NotNull(exit.LostReason);
        await Waiting.TrueAsync(() => host.Cgroups.Pids(pod.CgroupOf(container.Id)).Count == 0);
    }
}

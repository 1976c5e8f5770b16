using System.Diagnostics;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Remoting.Client;

namespace Berth.Tests.Contract;

/// <summary>
/// The process that runs the plugin is killed (SIGKILL) within a call, wherever it is just then, and nothing in it cleans up. A
/// fresh handler, which has the folders and the journal alone, removes whatever there is.
/// </summary>
public sealed class KillContract
{
    private const int SigContinue = 18;

    // Shares of the time that the call takes, which is measured first.
    private static readonly double[] StartMoments = [0.25, 0.5, 0.75];
    private static readonly double[] DestroyMoments = [0.1, 0.5];

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerApart))]
    public async Task Kill_WithinAStart_LeavesNothingThatDestroyDoesNotFind(string handler)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised: false);
        var first = host.NewPod();
        await host.MoveApartAsync();
        var whole = await TimeAsync(() => RunAsync(first, CancellationToken.None));
        await host.KillApartAsync(static () => { });
        Assert.NotEmpty(await host.Handler.ListOwnedAsync(CancellationToken.None));
        await RemovedAsync(host, first, "killed after a start");
        foreach (var share in StartMoments)
        {
            var pod = host.NewPod();
            await host.MoveApartAsync();
            await KilledWithinAsync(host, killed => RunAsync(pod, killed), Task.Delay(whole * share));
            await RemovedAsync(host, pod, $"killed {share:P0} into a start of {whole.TotalMilliseconds:0} ms");
        }
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerApart))]
    public async Task Kill_AtEachSaveOfAStart_LeavesNothingThatDestroyDoesNotFind(string handler)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised: false);
        for (var last = 0; ; last++)
        {
            var (pod, saves) = (host.NewPod(), 0);
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await host.MoveApartAsync();
            await KilledWithinAsync(
                host,
                killed =>
                {
                    host.OnSave = _ =>
                    {
                        // It waits for the answer until it is killed; what it asked to keep is not kept.
                        if (saves++ == last && reached.TrySetResult())
                        {
                            killed.WaitHandle.WaitOne();
                            throw RuntimeException.Unavailable("the journal is gone");
                        }
                    };
                    return RunAsync(pod, killed);
                },
                reached.Task);
            host.OnSave = static _ => { };
            await RemovedAsync(host, pod, $"killed at save {last}");
            if (!reached.Task.IsCompleted)
            {
                return;
            }
        }
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerApart))]
    public async Task Kill_WithinDestroy_LeavesNothingThatAnotherDoesNotFind(string handler)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised: false);
        var first = host.NewPod();
        await RunAsync(first, CancellationToken.None);
        var whole = await TimeAsync(first.DestroyAsync);
        foreach (var share in DestroyMoments)
        {
            var pod = host.NewPod();
            await host.MoveApartAsync();
            await RunAsync(pod, CancellationToken.None);
            await KilledWithinAsync(host, _ => pod.DestroyAsync(), Task.Delay(whole * share));
            await RemovedAsync(host, pod, $"killed {share:P0} into a removal of {whole.TotalMilliseconds:0} ms");
        }
    }

    [Theory(SkipTestWithoutData = true), ClassData(typeof(EveryHandlerApart))]
    public async Task Kill_WithinExecsSignalsAndUpdates_LeavesTheContainerAsItWas(string handler)
    {
        await using var host = await ContractHost.OpenAsync(handler, serialised: false);
        var pod = host.NewPod();
        await host.MoveApartAsync();
        var container = await RunAsync(pod, CancellationToken.None);
        var busy = new TaskCompletionSource();
        await KilledWithinAsync(host, killed => UseAsync(host, pod, container, busy, killed), busy.Task);
        await pod.RestoreAsync();
        var restored = pod.Sandbox.FindContainer(container.Id)!;
        Assert.False(restored.Init.Exit.IsCompleted);
        Assert.Equal((0, "alive\n"), await pod.ExecAsync(restored, "echo", "alive"));
        await RemovedAsync(host, pod, "killed within execs, signals and updates");
    }

    private static async Task<IContainer> RunAsync(ContractPod pod, CancellationToken killed)
    {
        await pod.StartAsync();
        killed.ThrowIfCancellationRequested();
        var container = await pod.CreateAsync(await pod.PlanAsync("trap '' TERM; while :; do sleep 1; done"));
        killed.ThrowIfCancellationRequested();
        await container.Init.StartAsync(CancellationToken.None);
        return container;
    }

    // All at once, again and again: the kill falls into some of it.
    private static async Task UseAsync(ContractHost host, ContractPod pod, IContainer container, TaskCompletionSource busy, CancellationToken killed)
    {
        var shares = JsonSerializer.SerializeToElement(new { cpu = new { shares = 512 } });
        for (var i = 0; ; i++)
        {
            killed.ThrowIfCancellationRequested();
            var exec = await container.ExecAsync(new() { ExecId = $"e{i}", ProcessPath = pod.WriteProcess($"e{i}", "sleep", "1000") }, CancellationToken.None);
            await Task.WhenAll(
                exec.StartAsync(CancellationToken.None),
                container.Init.SignalAsync(SigContinue, SignalScope.Process, CancellationToken.None),
                host.Features.LimitUpdates ? container.UpdateAsync(shares, CancellationToken.None) : Task.CompletedTask);
            busy.TrySetResult();
        }
    }

    private static async Task KilledWithinAsync(ContractHost host, Func<CancellationToken, Task> call, Task moment)
    {
        using var killed = new CancellationTokenSource();
        var running = call(killed.Token);
        await Task.WhenAny(running, moment).Soon();
        await host.KillApartAsync(killed.Cancel);
        try
        {
            await running.Soon();
        }
        catch (Exception e) when (e is RuntimeException or PluginProcessException or OperationCanceledException or ObjectDisposedException)
        {
            TestContext.Current.SendDiagnosticMessage($"the call ended with its process: {e.Message}");
        }
    }

    // The removal says that it is done; so it is, at once.
    private static async Task RemovedAsync(ContractHost host, ContractPod pod, string when)
    {
        await pod.DestroyAsync();
        var owned = (await host.Handler.ListOwnedAsync(CancellationToken.None)).Select(static o => $"{o.Kind} {o.Description}");
        var left = owned.Concat(host.Remains()).Concat(host.Cgroups.Pids(pod.Cgroup.Path).Select(static p => $"process {p} in the pod's cgroup")).ToList();
        Assert.True(left.Count == 0, $"{when}, and what is left after the removal: {string.Join("; ", left)}");
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> call)
    {
        var start = Stopwatch.GetTimestamp();
        await call();
        return Stopwatch.GetElapsedTime(start);
    }
}

using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>
/// StopContainer: the stop signal, the grace, then SIGKILL for all of it. Stops of one container may overlap: each waits its
/// own grace, so a second one can only shorten the first.
/// </summary>
public sealed class ContainerStopper(
    ContainerRegistry registry,
    SandboxRegistry sandboxes,
    SandboxObjects objects,
    SandboxCgroups cgroups,
    ContainerExits exits,
    TimeProvider time,
    ILogger<ContainerStopper> log)
{
    private const int SigKill = 9;

    // SIGKILL takes no time but for a process stuck in the kernel.
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(20);

    /// <summary>Stops; unknown or ended is success.</summary>
    public async Task StopAsync(string id, TimeSpan grace, CancellationToken cancellationToken)
    {
        var container = registry.Find(id);
        if (container is null or { Phase: ContainerPhase.Exited })
        {
            return;
        }

        if (grace > TimeSpan.Zero && container.Phase is ContainerPhase.Running or ContainerPhase.Starting)
        {
            using var stage = BerthTraces.Stage("grace");
            if (await TrySignalAsync(container, StopSignals.NumberOf(container.StopSignal), SignalScope.Process, cancellationToken)
                && await EndedWithinAsync(container.Id, grace, cancellationToken))
            {
                return;
            }
        }

        await KillAsync(container, cancellationToken);
    }

    /// <summary>Kills all processes and waits until the end is recorded.</summary>
    public async Task KillAsync(Container container, CancellationToken cancellationToken)
    {
        if (container.Phase is not (ContainerPhase.Created or ContainerPhase.Starting or ContainerPhase.Running))
        {
            return;
        }

        using var stage = BerthTraces.Stage("kill");
        if (!await TrySignalAsync(container, SigKill, SignalScope.All, cancellationToken))
        {
            await KillByCgroupAsync(container, cancellationToken);
        }

        if (!await EndedWithinAsync(container.Id, KillTime, cancellationToken))
        {
            ContainerLog.Survived(log, container.Id, sandboxes.Get(container.SandboxId)?.Handler ?? "no handler", KillTime.TotalSeconds);
            throw new RuntimeException(
                RuntimeErrorCode.DeadlineExceeded,
                $"container {container.Id} did not end within {KillTime.TotalSeconds} s of SIGKILL: a process of it hangs in the kernel; see `ps` for state D");
        }
    }

    // Its handler is gone: the cgroup is ours.
    private async Task KillByCgroupAsync(Container container, CancellationToken cancellationToken)
    {
        if (sandboxes.Get(container.SandboxId) is { } sandbox)
        {
            await cgroups.KillAsync(sandbox, [container.CgroupPath], cancellationToken);
        }

        exits.Record(container.Id, new ProcessExit { Code = 137, FinishedAt = time.GetUtcNow(), LostReason = "its handler is gone; it was killed by its cgroup" });
    }

    // False if no handler has it.
    private async Task<bool> TrySignalAsync(Container container, int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        using var live = objects.TryUseContainer(container.SandboxId, container.Id);
        if (live is null)
        {
            return false;
        }

        await live.Object.Init.SignalAsync(signal, scope, cancellationToken);
        return true;
    }

    private async Task<bool> EndedWithinAsync(string id, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await exits.RecordedAsync(id).WaitAsync(limit, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}

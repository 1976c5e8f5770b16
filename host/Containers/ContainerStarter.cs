using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Checkpoints;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>StartContainer.</summary>
public sealed class ContainerStarter(
    ContainerRegistry registry,
    SandboxRegistry sandboxes,
    SandboxObjects objects,
    ContainerRestores restores,
    CgroupSampler sampler,
    KeyedLock locks,
    SharedGate gate,
    TimeProvider time)
{
    private readonly SingleFlight<bool> _running = new();

    public Task StartAsync(string id, CancellationToken cancellationToken)
    {
        var container = registry.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        return _running.RunAsync(container.Id, () => StartOnceAsync(container.Id, container.SandboxId), cancellationToken);
    }

    private async Task<bool> StartOnceAsync(string id, string sandboxId)
    {
        using var entered = await gate.EnterAsync(sandboxId);
        using var held = await locks.AcquireAsync(id, CancellationToken.None);
        var container = registry.Get(id) ?? throw RuntimeException.NotFound($"container {id} was removed");
        if (container.Phase is not (ContainerPhase.Created or ContainerPhase.Starting))
        {
            throw RuntimeException.FailedPrecondition($"container {id} is {container.Phase}, and only a created one can be started");
        }

        if (sandboxes.Get(container.SandboxId) is not { Phase: SandboxPhase.Ready })
        {
            throw RuntimeException.FailedPrecondition($"sandbox {container.SandboxId} of container {id} is not ready");
        }

        using var live = objects.UseContainer(container.SandboxId, container.Id);
        await RunAsync(container, live.Object);
        return true;
    }

    /// <summary>Starts, or completes a start that a kill of the gateway cut in two.</summary>
    public async Task RunAsync(Container container, IContainer live)
    {
        // Before the call: a short command has ended when it returns.
        registry.Update(container.Id, c => c with { Phase = ContainerPhase.Starting, StartedAt = time.GetUtcNow() });
        try
        {
            using var stage = BerthTraces.Stage("start");
            await live.Init.StartAsync(CancellationToken.None);
        }
        catch (RuntimeException e)
        {
            RecordStartError(container.Id, e.Message);
            throw;
        }

        restores.Remove(container.Id);
        sampler.Register(container.Id, container.CgroupPath);

        // The exit may have been recorded already.
        registry.Update(container.Id, c => c.Phase == ContainerPhase.Starting
            ? c with { Phase = ContainerPhase.Running, Pid = live.Init.Pid }
            : c);
    }

    // 128 and StartError is what kubelets know from containerd.
    private void RecordStartError(string id, string message) =>
        registry.Update(id, c => c.Phase is ContainerPhase.Removing
            ? c
            : c with
            {
                Phase = ContainerPhase.Exited,
                FinishedAt = time.GetUtcNow(),
                ExitCode = 128,
                Reason = ExitReasons.StartError,
                Message = message,
            });
}

using Berth.Abstractions;
using Berth.Common;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>
/// UpdatePodSandboxResources: the limits of the pod's cgroup where the gateway has made it, see <see cref="SandboxLimits"/>, and what the
/// pod's handler holds beside it (a VM's memory and processors).
/// </summary>
public sealed class SandboxUpdater(SandboxRegistry registry, SandboxObjects objects, SandboxLimits limits, HandlerTable handlers, KeyedLock locks)
{
    /// <summary>Null leaves all figures as they are, and so does a figure that a message leaves out.</summary>
    public async Task UpdateAsync(string id, ContainerResources? overhead, ContainerResources? resources, CancellationToken cancellationToken)
    {
        using var held = await locks.AcquireAsync(id, cancellationToken);
        var sandbox = registry.Get(id) ?? throw RuntimeException.NotFound($"sandbox {id} was removed");
        if (sandbox.Phase != SandboxPhase.Ready)
        {
            throw RuntimeException.FailedPrecondition($"sandbox {id} is not ready: its resources cannot be updated");
        }

        var spec = sandbox.Spec with { Overhead = Merge(sandbox.Spec.Overhead, overhead), Resources = Merge(sandbox.Spec.Resources, resources) };
        limits.Check(spec, handlers.Current.Find(sandbox.HandlerKey));
        await ResizeAsync(sandbox, spec);
        var limitedBy = await limits.ApplyAsync(sandbox with { Spec = spec });
        registry.Update(id, s => s with { Spec = spec, LimitedBy = limitedBy });
    }

    private async Task ResizeAsync(Sandbox sandbox, PodSandboxSpec spec)
    {
        try
        {
            using var live = objects.Use(sandbox.Id);
            await live.Object.UpdateResourcesAsync(PodSize.Of(spec), CancellationToken.None);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotSupported && !HoldsTheSize(sandbox))
        {
            // It holds nothing of that size: the cgroup is all there is.
        }
    }

    // A kubelet takes the refusal (Unimplemented) for what it is, and goes on.
    private bool HoldsTheSize(Sandbox sandbox) => handlers.Current.Find(sandbox.HandlerKey)?.Handler is { Health.Features.HoldsPodSize: true };

    private static ContainerResources? Merge(ContainerResources? old, ContainerResources? change) =>
        change is null ? old : ResourceChange.Merge(old ?? new(), change);
}

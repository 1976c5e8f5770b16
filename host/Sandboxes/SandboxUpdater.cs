using Berth.Abstractions;
using Berth.Common;
using Berth.Containers;

namespace Berth.Sandboxes;

/// <summary>
/// UpdatePodSandboxResources. The limits of the pod's cgroup are its maker's, the kubelet's; what the pod's handler holds
/// beside it (a VM's memory and processors) grows and shrinks here.
/// </summary>
public sealed class SandboxUpdater(SandboxRegistry registry, SandboxObjects objects, KeyedLock locks)
{
    /// <summary>Null leaves a figure as it is.</summary>
    public async Task UpdateAsync(string id, ContainerResources? overhead, ContainerResources? resources, CancellationToken cancellationToken)
    {
        using var held = await locks.AcquireAsync(id, cancellationToken);
        var sandbox = registry.Get(id) ?? throw RuntimeException.NotFound($"sandbox {id} was removed");
        if (sandbox.Phase != SandboxPhase.Ready)
        {
            throw RuntimeException.FailedPrecondition($"sandbox {id} is not ready: its resources cannot be updated");
        }

        var spec = sandbox.Spec with { Overhead = overhead ?? sandbox.Spec.Overhead, Resources = resources ?? sandbox.Spec.Resources };
        try
        {
            await objects.Require(id).UpdateResourcesAsync(PodSize.Of(spec), CancellationToken.None);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotSupported)
        {
            // This handler holds nothing of that size: the cgroup, which the caller has changed already, is all there is.
        }

        registry.Update(id, s => s with { Spec = spec });
    }
}

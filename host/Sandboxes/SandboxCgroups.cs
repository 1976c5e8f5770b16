using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>The pod's cgroups: made before anything runs in them, removed last; also the way to stop a pod whose handler is gone.</summary>
public sealed class SandboxCgroups(Cgroups cgroups, SandboxRegistry registry)
{
    /// <summary>Makes the pod's cgroup where the kubelet has not, and the overhead cgroup within it.</summary>
    public void Create(Sandbox sandbox)
    {
        var planned = cgroups.Plan(sandbox.Cgroup.OverheadPath, registry.All().SelectMany(static s => s.OwnedCgroups).ToHashSet());
        registry.Update(sandbox.Id, s => s with { OwnedCgroups = planned });
        cgroups.Create(sandbox.Cgroup.OverheadPath);
    }

    /// <summary>Kills every process of the pod and waits for the end.</summary>
    public async Task KillAsync(Sandbox sandbox, IEnumerable<string> containerPaths, CancellationToken cancellationToken)
    {
        foreach (var path in (IEnumerable<string>)[.. containerPaths, sandbox.Cgroup.OverheadPath])
        {
            await cgroups.KillAsync(path, cancellationToken);
        }
    }

    /// <summary>Removes what was made here; absent is success.</summary>
    public Task RemoveAsync(Sandbox sandbox, CancellationToken cancellationToken) =>
        Cgroups.RemovePlannedAsync(sandbox.Cgroup.OverheadPath, sandbox.OwnedCgroups, cancellationToken);
}

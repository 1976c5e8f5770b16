using Berth.Abstractions;
using Berth.Common;
using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>The pod's cgroups: made before anything runs in them, removed last; also the way to stop a pod whose handler is gone.</summary>
public sealed class SandboxCgroups(Cgroups cgroups, CgroupTree tree, SandboxRegistry registry, SandboxLimits limits, KeyedLock locks)
{
    // Pods may share parents, which one at a time makes and unmakes. No sandbox has this id.
    private const string Parents = "parents of pods' cgroups";

    /// <summary>Makes the pod's cgroup where the kubelet has not, with the pod's limits, and the overhead cgroup within it.</summary>
    public async Task CreateAsync(Sandbox sandbox)
    {
        using var held = await locks.AcquireAsync(Parents, CancellationToken.None);
        var made = registry.All().SelectMany(static s => s.OwnedCgroups).ToHashSet();
        cgroups.Create(sandbox.Cgroup.OverheadPath, made, planned => registry.Update(sandbox.Id, s => s with { OwnedCgroups = planned }));
        var limitedBy = await limits.ApplyAsync(registry.Get(sandbox.Id) ?? sandbox);
        registry.Update(sandbox.Id, s => s with { LimitedBy = limitedBy });
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
    public async Task RemoveAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        var path = sandbox.Cgroup.OverheadPath;
        var parents = sandbox.OwnedCgroups.Where(f => !f.EndsWith(path, StringComparison.Ordinal)).ToList();
        await Cgroups.RemovePlannedAsync(path, [.. sandbox.OwnedCgroups.Except(parents)], cancellationToken);
        if (parents.Count == 0)
        {
            return;
        }

        using var held = await locks.AcquireAsync(Parents, cancellationToken);
        await Cgroups.RemovePlannedAsync(path, parents, cancellationToken);
        if (tree.Driver == CgroupDriver.Systemd && SystemdCgroups.RulesTheTree(cgroups.Layout))
        {
            await StopSlicesAsync(parents, cancellationToken);
        }
    }

    // A runtime's first scope in a slice makes that a unit, which stays until somebody stops it. A kubelet stops its own; its
    // folder was there before the pod. Where the folder is gone by now nothing runs in the slice, nor will while the lock is held;
    // all are looked at first, for systemd makes a parent's folder anew when it stops a child.
    private static async Task StopSlicesAsync(List<string> parents, CancellationToken cancellationToken)
    {
        var slices = parents.Where(static f => f.EndsWith(".slice", StringComparison.Ordinal)).ToLookup(static f => Path.GetFileName(f));
        foreach (var slice in slices.Where(static s => !s.Any(Directory.Exists)).Select(static s => s.Key).ToList())
        {
            await SystemdCgroups.StopSliceAsync(slice, cancellationToken);
        }
    }
}

using System.Text.Json;
using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>
/// The limits of pods' cgroups. A kubelet makes a pod's cgroup and limits it itself: two who write to one would undo each other's work,
/// so only what the gateway has made is limited here.
/// </summary>
public sealed class SandboxLimits(Cgroups cgroups, CgroupTree tree, SandboxRegistry registry, HandlerTable handlers, HostFacts host)
{
    private const string Own = "the gateway, which made the cgroup: resources and overhead";
    private const string Shared = "nobody: another pod names the same cgroup_parent";
    private const ulong UsualShares = 1024;

    private readonly CgroupLimits _limits = new(cgroups.Layout);

    /// <summary>Refuses sizes that no cgroup can have, before anything exists.</summary>
    /// <exception cref="RuntimeException">What is wrong with them.</exception>
    public void Check(PodSandboxSpec spec, HandlerEntry? handler) => _ = Of(spec, handler);

    /// <summary>Sets them; to be called again when they have changed.</summary>
    /// <returns>For the status: who sets the limits of the pod's cgroup.</returns>
    /// <exception cref="RuntimeException">The kernel does not take them.</exception>
    public async Task<string> ApplyAsync(Sandbox sandbox)
    {
        if (!Owns(sandbox))
        {
            return "whoever made the cgroup, such as a kubelet: it was there before the pod";
        }

        if (registry.All().FirstOrDefault(s => s.Cgroup.Path == sandbox.Cgroup.Path && s.Spec.Uid != sandbox.Spec.Uid) is { } other)
        {
            await LiftAsync(other);
            return Shared;
        }

        return await SetAsync(sandbox, Of(sandbox.Spec, handlers.Current.Find(sandbox.HandlerKey))) ? Own : "nobody: the pod asks for none";
    }

    // What was the limit of one pod must not be that of two.
    private async Task LiftAsync(Sandbox other)
    {
        if (other.LimitedBy == Own)
        {
            var had = Of(other.Spec, handlers.Current.Find(other.HandlerKey));
            await SetAsync(other, new()
            {
                Memory = had.Memory is null ? null : new() { Limit = had.Memory.Limit is null ? null : -1, Swap = had.Memory.Swap is null ? null : -1 },
                Cpu = had.Cpu is null ? null : new() { Quota = had.Cpu.Quota is null ? null : -1, Shares = had.Cpu.Shares is null ? null : UsualShares },
            });
            registry.Update(other.Id, static s => s with { LimitedBy = Shared });
        }
    }

    // False: there is nothing to set.
    private async Task<bool> SetAsync(Sandbox sandbox, OciResources resources)
    {
        var limits = JsonSerializer.SerializeToElement(resources, OciJson.Default.OciResources);
        if (!limits.EnumerateObject().Any())
        {
            return false;
        }

        try
        {
            if (tree.Driver == CgroupDriver.Systemd && SystemdCgroups.RulesTheTree(cgroups.Layout))
            {
                await SystemdCgroups.LimitSliceAsync(Path.GetFileName(sandbox.Cgroup.Path), SystemdProperty.Of(limits, cgroups.Layout), CancellationToken.None);
            }

            _limits.Apply(sandbox.Cgroup.Path, limits);
            return true;
        }
        catch (IOException e)
        {
            throw new RuntimeException(
                RuntimeErrorCode.InvalidArgument,
                $"pod {sandbox.Spec.Namespace}/{sandbox.Spec.Name}: its resources and overhead cannot be the limits of its cgroup {sandbox.Cgroup.Path}: {e.Message}; give others",
                e);
        }
    }

    private OciResources Of(PodSandboxSpec spec, HandlerEntry? handler) =>
        PodLimits.Of(spec, handler?.Overhead, host, withMemory: handler?.Handler is not { Health.Features.HoldsPodSize: true });

    private bool Owns(Sandbox sandbox) =>
        cgroups.Layout.Hierarchies.Any(h => sandbox.OwnedCgroups.Contains(h.Folder(sandbox.Cgroup.Path)));
}

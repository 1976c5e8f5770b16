using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Containers.Cdi;
using Berth.Containers.Checkpoints;
using Berth.Containers.Rootfs;
using Berth.Containers.Spec;
using Berth.Images;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>All that is decided about a container before anything of it exists.</summary>
/// <param name="Container">The record in its first phase.</param>
/// <param name="Sandbox">Its pod.</param>
/// <param name="Image">What it is made from.</param>
/// <param name="Handler">The pod's.</param>
/// <param name="Check">What the handler can do.</param>
/// <param name="Annotations">Those of the pod and the container that reach the handler.</param>
public sealed record ContainerPlan(
    Container Container, Sandbox Sandbox, ImageModel Image, GuardedHandler Handler, HandlerCheck Check, IReadOnlyDictionary<string, string> Annotations)
{
    /// <summary>What its CDI devices need.</summary>
    public IReadOnlyList<CdiEdits> Cdi { get; init; } = [];

    /// <summary>Its classes of cache, memory bandwidth and disks.</summary>
    public ChosenClasses Classes { get; init; } = new(null, null);
}

/// <summary>Turns a request into a plan, or refuses it; nothing outside this process is touched.</summary>
public sealed class ContainerPlanner(
    SandboxRegistry sandboxes,
    ContainerRegistry containers,
    CheckpointSources checkpoints,
    VolumeImages volumes,
    CdiRegistry cdi,
    ResourceClasses classes,
    HandlerTable handlers,
    CgroupTree cgroups,
    HostFacts host,
    TimeProvider time)
{
    public async Task<ContainerPlan> PlanAsync(string sandboxId, ContainerSpec asked)
    {
        // One snapshot of rules and handlers for the whole plan, whatever is swapped in meanwhile.
        var table = handlers.Current;
        var sandbox = RequireReady(sandboxId);
        ContainerSpecValidator.Check(asked);
        var spec = checkpoints.Recognise(asked);
        if (spec.RestoreFrom is not null)
        {
            CheckpointSupport.Demand(sandbox, table, $"container {spec.Name} from a checkpoint");
        }

        var image = await checkpoints.FindImageAsync(spec);
        DenyImage(table, sandbox, spec, image);
        image.DemandReference(spec.ImageRef, "config.image.image_ref");
        DemandHandlers(table, spec);
        var handler = table.Get(sandbox.HandlerKey);
        var check = handler.Health.Check;
        FeatureGate.Check(spec, sandbox.Spec.Privileged, sandbox.Handler, check.Features);
        PodUserIds.CheckSame(spec, sandbox.Spec.Namespaces);
        if (spec.Security.Namespaces is { Pid: NamespaceMode.Target, TargetId: var target })
        {
            RequireTarget(target, sandbox.Id);
        }

        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var container = new Container
        {
            Id = id,
            SandboxId = sandbox.Id,
            Spec = spec,
            Phase = ContainerPhase.Creating,
            CreatedAt = time.GetUtcNow(),
            ImageId = image.Id,
            VolumeImageIds = volumes.Find(spec),
            ImageRef = image.Reference,
            LogPath = LogPath(sandbox, spec),
            StopSignal = StopSignals.Choose(spec.StopSignal, image.Config.StopSignal),
            // As the kernel has it, see OciSpecBuilder.
            Resources = spec.Resources with { OomScoreAdj = OomScore.Clamp(spec.Resources.OomScoreAdj, host.OomScoreFloor) },
            CgroupPath = cgroups.ContainerPath(sandbox.Cgroup, id),
        };
        return new(container, sandbox, image, handler, check, Annotations(table.Find(sandbox.HandlerKey)!, sandbox, spec))
        {
            Cdi = CdiRequest.Check(cdi.Resolve(CdiRequest.Names(spec)), spec.Name, sandbox.Handler, check.Features),
            Classes = classes.Choose(spec, sandbox.Spec.Annotations, sandbox.Handler, check.Features),
        };
    }

    /// <summary>The sandbox, which must be ready.</summary>
    public Sandbox RequireReady(string sandboxId)
    {
        var sandbox = sandboxes.Find(sandboxId) ?? throw RuntimeException.NotFound($"sandbox {sandboxId} does not exist");
        return sandbox.Phase == SandboxPhase.Ready
            ? sandbox
            : throw RuntimeException.FailedPrecondition($"sandbox {sandboxId} is not ready: containers cannot be created in it");
    }

    /// <summary>The container whose PID namespace another joins.</summary>
    public Container RequireTarget(string containerId, string sandboxId)
    {
        var target = containers.Find(containerId) is { } found && found.SandboxId == sandboxId
            ? found
            : throw RuntimeException.NotFound($"container {containerId}, whose PID namespace is asked for (target_id), is not in sandbox {sandboxId}");
        return target is { Phase: ContainerPhase.Running, Pid: > 0 }
            ? target
            : throw RuntimeException.FailedPrecondition($"container {containerId}, whose PID namespace is asked for (target_id), does not run");
    }

    private static Dictionary<string, string> Annotations(HandlerEntry handler, Sandbox sandbox, ContainerSpec spec)
    {
        var annotations = new Dictionary<string, string>(sandbox.Prepared?.Annotations ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        foreach (var (key, value) in handler.LetThrough(spec.Annotations))
        {
            annotations[key] = value;
        }

        return annotations;
    }

    private static void DenyImage(PluginSnapshot table, Sandbox sandbox, ContainerSpec spec, ImageModel image)
    {
        var facts = SandboxFacts.Of(sandbox.Spec, sandbox.RequestedHandler);
        string[] names = [spec.Image, spec.UserSpecifiedImage, .. image.RepoTags, .. image.RepoDigests];
        if (HandlerSelector.DenyImage(facts, names, table.Options.Selection) is { } reason)
        {
            throw new RuntimeException(RuntimeErrorCode.PermissionDenied, $"container {spec.Name}: image {spec.Image} is denied: {reason}");
        }
    }

    // An image that is meant for a handler which nobody has is meant for another node.
    private static void DemandHandlers(PluginSnapshot table, ContainerSpec spec)
    {
        table.DemandKnown(spec.ImageRuntimeHandler, "config.image.runtime_handler");
        foreach (var (index, mount) in spec.Mounts.Index())
        {
            table.DemandKnown(mount.ImageDetails?.RuntimeHandler ?? "", $"config.mounts[{index}].image.runtime_handler");
        }
    }

    private static string LogPath(Sandbox sandbox, ContainerSpec spec) =>
        spec.LogPath.Length == 0 || sandbox.Spec.LogDirectory.Length == 0 ? "" : LogFile.Resolve(sandbox.Spec.LogDirectory, spec.LogPath);
}

using System.Text;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// Refuses requests that are too large or contradict themselves, before anything is looked up or made. What depends on the image,
/// the handler or the host is checked by <see cref="OciSpecBuilder"/>.
/// </summary>
public static class ContainerSpecValidator
{
    private const int MaxStrings = 32 * 1024;
    private const int MaxMounts = 4096;
    private const int MaxDevices = 1024;
    private const int MaxGroups = 65536;
    private const int MaxCapabilities = 256;
    private const int MaxPaths = 1024;
    private const int MaxReferenceBytes = 4096;

    public static void Check(ContainerSpec container)
    {
        SpecLimits.CheckName(container.Name, "the container's metadata.name");
        var who = $"of container {container.Name}";
        CheckReference(container, who);
        CheckCounts(container, who);
        ProcessArguments.CheckSizes(container.Command.Concat(container.Args).Concat(container.Environment.Select(static e => $"{e.Key}={e.Value}")));
        LogFile.CheckRelative(container.LogPath);
        CheckUser(container.Security, who);
        CheckNamespaces(container.Security.Namespaces, who);
        CheckMounts(container.Mounts);
        _ = StopSignals.Choose(container.StopSignal, "");
        if (container.Resources.OomScoreAdj is < OomScore.Lowest or > OomScore.Highest)
        {
            throw RuntimeException.InvalidArgument(
                $"oom_score_adj {who} is {container.Resources.OomScoreAdj}; it goes from {OomScore.Lowest} to {OomScore.Highest}");
        }
    }

    private static void CheckReference(ContainerSpec container, string who)
    {
        if (container.Image.Length == 0)
        {
            throw RuntimeException.InvalidArgument($"the image {who} is empty");
        }

        if (Encoding.UTF8.GetByteCount(container.Image) > MaxReferenceBytes || Encoding.UTF8.GetByteCount(container.UserSpecifiedImage) > MaxReferenceBytes)
        {
            throw RuntimeException.InvalidArgument($"the image's name {who} is longer than {MaxReferenceBytes} bytes");
        }
    }

    private static void CheckCounts(ContainerSpec container, string who)
    {
        var security = container.Security;
        SpecLimits.CheckMap(container.Labels, $"labels {who}");
        SpecLimits.CheckMap(container.Annotations, $"annotations {who}");
        SpecLimits.CheckMap(container.Resources.Unified, $"unified resources {who}");
        SpecLimits.CheckCount(container.Command.Count + container.Args.Count, MaxStrings, $"command and arguments {who}");
        SpecLimits.CheckCount(container.Environment.Count, MaxStrings, $"environment variables {who}");
        SpecLimits.CheckCount(container.Mounts.Count, MaxMounts, $"mounts {who}");
        SpecLimits.CheckCount(container.Devices.Count + container.CdiDevices.Count, MaxDevices, $"devices {who}");
        SpecLimits.CheckCount(container.Resources.HugepageLimits.Count, MaxPaths, $"hugepage limits {who}");
        SpecLimits.CheckCount(security.SupplementalGroups.Count, MaxGroups, $"supplemental groups {who}");
        SpecLimits.CheckCount(security.MaskedPaths.Count + security.ReadOnlyPaths.Count, MaxPaths, $"masked and read-only paths {who}");
        SpecLimits.CheckCount(
            security.AddCapabilities.Count + security.DropCapabilities.Count + security.AddAmbientCapabilities.Count, MaxCapabilities, $"capabilities {who}");
    }

    private static void CheckUser(SecurityContext security, string who)
    {
        if (security is { RunAsUser: not null, RunAsUsername.Length: > 0 })
        {
            throw RuntimeException.InvalidArgument($"the user {who} is given twice, as run_as_user and run_as_username; give one");
        }

        if (security is { RunAsGroup: not null, RunAsUser: null, RunAsUsername: "" })
        {
            throw RuntimeException.InvalidArgument($"run_as_group {who} needs run_as_user or run_as_username");
        }
    }

    private static void CheckNamespaces(NamespaceModes modes, string who)
    {
        if (modes.Pid == NamespaceMode.Target && modes.TargetId.Length == 0)
        {
            throw RuntimeException.InvalidArgument($"the PID namespace mode {who} is TARGET, but target_id is empty");
        }

        if (modes.Network is not (NamespaceMode.Pod or NamespaceMode.Node) || modes.Ipc is not (NamespaceMode.Pod or NamespaceMode.Node))
        {
            throw RuntimeException.InvalidArgument($"the network and IPC namespace modes {who} are {modes.Network} and {modes.Ipc}; each is POD or NODE");
        }
    }

    private static void CheckMounts(IReadOnlyList<MountSpec> mounts)
    {
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var mount in mounts)
        {
            // Of two at one place only the last would be seen.
            if (!taken.Add(ContainerPath.Normalize(mount.ContainerPath, "the container path of a mount")))
            {
                throw RuntimeException.InvalidArgument($"two mounts have the container path {mount.ContainerPath}; give each its own");
            }

            if (mount.Image.Length > 0 && mount.HostPath.Length > 0)
            {
                throw RuntimeException.InvalidArgument($"mount {mount.ContainerPath} has an image and a host path; give one");
            }
        }
    }
}

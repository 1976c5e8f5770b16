using Berth.Containers;
using Berth.Linux;

namespace Berth.Sandboxes;

/// <summary>A pod's user namespace, as the kernel's mounts need it.</summary>
public static class PodUsers
{
    /// <summary>The sandbox's; null where its users are the host's.</summary>
    public static UserNamespacePin? Of(Sandbox sandbox) => Of(sandbox.Spec.Namespaces, sandbox.NamespacePaths);

    internal static UserNamespacePin? Of(NamespaceModes modes, IReadOnlyDictionary<string, string> paths) =>
        modes.User is { Mode: NamespaceMode.Pod, Uids: [var uids], Gids: [var gids] }
            ? new() { Path = paths["user"], Uids = Range(uids), Gids = Range(gids) }
            : null;

    private static IdRange Range(IdMapping mapping) => new(mapping.ContainerId, mapping.HostId, mapping.Length);
}

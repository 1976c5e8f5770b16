using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>What a pod's user namespace asks of the containers in it.</summary>
internal static class PodUserIds
{
    /// <summary>Refuses a container that describes another user namespace than its pod: it would get the pod's all the same.</summary>
    internal static void CheckSame(ContainerSpec container, NamespaceModes sandbox)
    {
        var (own, pods) = (Mapped(container.Security.Namespaces.User), Mapped(sandbox.User));
        var same = own is null || pods is null ? own is null && pods is null : own.Uids.SequenceEqual(pods.Uids) && own.Gids.SequenceEqual(pods.Gids);
        if (!same)
        {
            throw RuntimeException.InvalidArgument(
                $"container {container.Name} describes another user namespace (userns_options) than its sandbox: {Show(own)} and {Show(pods)}; give the same in both");
        }
    }

    /// <summary>Refuses ids that the user namespace does not have: no process can take them on, see setresuid(2).</summary>
    internal static void Check(SpecInput input, ContainerUser user)
    {
        if (Mapped(input.SandboxNamespaces.User) is not { } pods)
        {
            return;
        }

        CheckIn(pods.Uids, user.Uid, "user", input.Container.Name);
        foreach (var group in user.SupplementalGroups.Prepend(user.Gid))
        {
            CheckIn(pods.Gids, group, "group", input.Container.Name);
        }
    }

    private static void CheckIn(IReadOnlyList<IdMapping> ranges, uint id, string what, string container)
    {
        if (!ranges.Any(r => id >= r.ContainerId && id - r.ContainerId < r.Length))
        {
            throw RuntimeException.InvalidArgument(
                $"container {container} runs with {what} {id}, which its pod's user namespace does not have: it has {ShowRanges(ranges)}; choose another {what} or a longer mapping");
        }
    }

    private static UserNamespaceSpec? Mapped(UserNamespaceSpec? user) => user is { Mode: NamespaceMode.Pod } ? user : null;

    private static string Show(UserNamespaceSpec? user) => user is null ? "none" : $"uids {ShowRanges(user.Uids)}, gids {ShowRanges(user.Gids)}";

    private static string ShowRanges(IReadOnlyList<IdMapping> ranges) =>
        string.Join(", ", ranges.Select(static r => $"{r.ContainerId}-{(ulong)r.ContainerId + r.Length - 1} as {r.HostId}-{(ulong)r.HostId + r.Length - 1}"));
}

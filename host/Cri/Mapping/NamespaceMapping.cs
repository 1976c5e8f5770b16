using Berth.Containers;
using Google.Protobuf.Collections;

namespace Berth.Cri.Mapping;

/// <summary>Namespace options, the same message for pods and containers.</summary>
internal static class NamespaceMapping
{
    public static NamespaceModes ToDomain(Protos.NamespaceOption? options, string field)
    {
        if (options is null)
        {
            return new();
        }

        var modes = new NamespaceModes
        {
            Network = PodOrNode(options.Network, $"{field}.network"),
            Pid = Mode(options.Pid, $"{field}.pid"),
            Ipc = PodOrNode(options.Ipc, $"{field}.ipc"),
            TargetId = options.TargetId,
            User = User(options.UsernsOptions, $"{field}.userns_options"),
        };
        CheckTogether(modes, field);
        return modes;
    }

    public static Protos.NamespaceOption ToProto(NamespaceModes modes)
    {
        var options = new Protos.NamespaceOption
        {
            Network = Mode(modes.Network),
            Pid = Mode(modes.Pid),
            Ipc = Mode(modes.Ipc),
            TargetId = modes.TargetId,
        };
        if (modes.User is { } user)
        {
            options.UsernsOptions = new() { Mode = Mode(user.Mode), Uids = { user.Uids.Select(ToProto) }, Gids = { user.Gids.Select(ToProto) } };
        }

        return options;
    }

    /// <summary>
    /// Refuses a container that asks for the node's network or IPC where its pod has its own: it would get the pod's. POD is also what
    /// a client sends that says nothing, and any pod's containers share what the pod has.
    /// </summary>
    public static void CheckSame(Protos.NamespaceOption? options, NamespaceModes pod, string field)
    {
        if (options is null)
        {
            return;
        }

        foreach (var (name, given, own) in ((string, Protos.NamespaceMode, NamespaceMode)[])[("network", options.Network, pod.Network), ("ipc", options.Ipc, pod.Ipc)])
        {
            if (PodOrNode(given, $"{field}.{name}") == NamespaceMode.Node && own != NamespaceMode.Node)
            {
                throw Field.Wrong($"{field}.{name}", $"is {given.ToString().ToUpperInvariant()}, but the pod's is {own.ToString().ToUpperInvariant()}, and containers share it: give the same");
            }
        }
    }

    private static void CheckTogether(NamespaceModes modes, string field)
    {
        if (modes.Pid == NamespaceMode.Target != modes.TargetId.Length > 0)
        {
            throw Field.Wrong($"{field}.target_id", "goes with the PID mode TARGET: give both or neither");
        }

        var sharesHost = modes.Network == NamespaceMode.Node || modes.Pid == NamespaceMode.Node || modes.Ipc == NamespaceMode.Node;
        if (modes.User is { Mode: NamespaceMode.Pod } && sharesHost)
        {
            throw Field.Wrong($"{field}.userns_options", "asks for a user namespace, which excludes the host's network, PID and IPC namespaces");
        }
    }

    private static NamespaceMode PodOrNode(Protos.NamespaceMode mode, string field) =>
        Mode(mode, field) is var known and (NamespaceMode.Pod or NamespaceMode.Node) ? known : throw Field.Wrong(field, $"is {mode}; it must be POD or NODE");

    private static NamespaceMode Mode(Protos.NamespaceMode mode, string field) => mode switch
    {
        Protos.NamespaceMode.Pod => NamespaceMode.Pod,
        Protos.NamespaceMode.Container => NamespaceMode.Container,
        Protos.NamespaceMode.Node => NamespaceMode.Node,
        Protos.NamespaceMode.Target => NamespaceMode.Target,
        _ => throw Field.Unknown(field, (int)mode),
    };

    private static Protos.NamespaceMode Mode(NamespaceMode mode) => mode switch
    {
        NamespaceMode.Pod => Protos.NamespaceMode.Pod,
        NamespaceMode.Container => Protos.NamespaceMode.Container,
        NamespaceMode.Node => Protos.NamespaceMode.Node,
        _ => Protos.NamespaceMode.Target,
    };

    private static UserNamespaceSpec? User(Protos.UserNamespace? user, string field)
    {
        if (user is null)
        {
            return null;
        }

        var mode = PodOrNode(user.Mode, $"{field}.mode");
        var isMapped = user.Uids.Count > 0 && user.Gids.Count > 0;
        var isBare = user.Uids.Count == 0 && user.Gids.Count == 0;
        return (mode, isMapped, isBare) switch
        {
            (NamespaceMode.Pod, false, _) => throw Field.Wrong(field, "has the mode POD, which needs both uids and gids"),
            (NamespaceMode.Node, _, false) => throw Field.Wrong(field, "has the mode NODE, which takes no uids and gids"),
            (NamespaceMode.Node, _, _) => new(mode, [], []),
            _ => new(mode, Single(user.Uids, $"{field}.uids"), Single(user.Gids, $"{field}.gids")),
        };
    }

    // Kubernetes gives every pod one range; more would have to fit those of every volume's owners.
    private static IReadOnlyList<IdMapping> Single(RepeatedField<Protos.IDMapping> ranges, string field) =>
        Ranges(ranges, field) is [{ ContainerId: 0 }] one ? one
        : throw Field.Wrong(field, $"has {ranges.Count} mappings, the first from container id {ranges[0].ContainerId}; it must have one, from container id 0");

    public static IReadOnlyList<IdMapping> Ranges(RepeatedField<Protos.IDMapping> ranges, string field)
    {
        foreach (var range in ranges)
        {
            // user_namespaces(7): the range must not be empty, nor wrap around.
            if (range.Length == 0 || range.HostId > uint.MaxValue - range.Length || range.ContainerId > uint.MaxValue - range.Length)
            {
                throw Field.Wrong(field, $"has the range {range.ContainerId} to {range.HostId}, length {range.Length}; it must not be empty and must end below 2^32");
            }
        }

        return [.. ranges.Select(static range => new IdMapping(range.HostId, range.ContainerId, range.Length))];
    }

    public static Protos.IDMapping ToProto(IdMapping range) => new() { HostId = range.HostId, ContainerId = range.ContainerId, Length = range.Length };
}

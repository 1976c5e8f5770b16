namespace Berth.Plugins.Docker;

/// <summary>Where a container goes: what of its pod the Engine must be told.</summary>
internal sealed record PodPlace
{
    /// <summary>The Engine's id of the holder.</summary>
    public required string Holder { get; init; }

    /// <summary>The holder's process.</summary>
    public required int HolderPid { get; init; }

    /// <summary>The parent of the Engine's own cgroup: a path, or a slice's name with systemd.</summary>
    public required string CgroupParent { get; init; }

    /// <summary>The Engine's ids of the pod's containers by the process of each.</summary>
    public IReadOnlyDictionary<int, string> Containers { get; init; } = new Dictionary<int, string>();
}

namespace Berth.Linux;

/// <summary>How a machine arranges its cgroups; see cgroups(7).</summary>
public enum CgroupMode
{
    /// <summary>A hierarchy for each controller.</summary>
    V1,

    /// <summary>As <see cref="V1"/>, and beside it a v2 hierarchy without the controllers that v1 has.</summary>
    Hybrid,

    /// <summary>One hierarchy for all.</summary>
    V2,
}

/// <summary>A mounted hierarchy.</summary>
/// <param name="MountPoint">Where it is.</param>
/// <param name="IsV2">Whether it is the unified one.</param>
/// <param name="Controllers">What it controls; for a named v1 hierarchy only <c>name=...</c>.</param>
public sealed record CgroupHierarchy(string MountPoint, bool IsV2, IReadOnlyList<string> Controllers)
{
    /// <summary>A cgroup's folder in this hierarchy.</summary>
    /// <param name="path">Beneath the root, with a leading slash.</param>
    public string Folder(string path) => path == "/" ? MountPoint : MountPoint + path;
}

/// <summary>The cgroup hierarchies of this machine.</summary>
/// <param name="Mode">How they are arranged.</param>
/// <param name="Hierarchies">All of them.</param>
public sealed record CgroupLayout(CgroupMode Mode, IReadOnlyList<CgroupHierarchy> Hierarchies)
{
    private static readonly HashSet<string> V1Controllers =
        ["memory", "cpu", "cpuacct", "pids", "cpuset", "blkio", "freezer", "devices", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc"];

    /// <summary>Looks at the mounts that this process sees.</summary>
    public static CgroupLayout Detect() =>
        Parse(File.ReadLines("/proc/self/mounts"), static mount => File.ReadAllText($"{mount}/cgroup.controllers"));

    /// <summary>The hierarchy of a controller, or null; <c>io</c> and <c>blkio</c> are one controller's names in v2 and v1.</summary>
    public CgroupHierarchy? Find(string controller) => Hierarchies.FirstOrDefault(h => h.Controllers.Contains(controller));

    /// <summary>The v2 hierarchy, or null.</summary>
    public CgroupHierarchy? Unified => Hierarchies.FirstOrDefault(static h => h.IsV2);

    internal static CgroupLayout Parse(IEnumerable<string> mounts, Func<string, string> readV2Controllers)
    {
        List<CgroupHierarchy> found = [];
        foreach (var fields in mounts.Select(static m => m.Split(' ')).Where(static f => f.Length >= 4))
        {
            // A hierarchy may be mounted twice (a container's bind mount, say); the first mount is the one to use.
            var hierarchy = fields[2] switch
            {
                "cgroup2" => new CgroupHierarchy(fields[1], true, readV2Controllers(fields[1]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)),
                "cgroup" => new CgroupHierarchy(fields[1], false, [.. fields[3].Split(',').Where(static o => V1Controllers.Contains(o) || o.StartsWith("name=", StringComparison.Ordinal))]),
                _ => null,
            };
            if (hierarchy is not null && !found.Exists(h => h.IsV2 == hierarchy.IsV2 && (h.IsV2 || h.Controllers.Intersect(hierarchy.Controllers).Any())))
            {
                found.Add(hierarchy);
            }
        }

        var v1 = found.Exists(static h => !h.IsV2 && h.Controllers.Any(V1Controllers.Contains));
        var v2 = found.Exists(static h => h.IsV2);
        return new(v1 && v2 ? CgroupMode.Hybrid : v2 ? CgroupMode.V2 : CgroupMode.V1, found);
    }
}

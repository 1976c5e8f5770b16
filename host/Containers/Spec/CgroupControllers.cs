namespace Berth.Containers.Spec;

/// <summary>Which cgroup layout is mounted, and the controllers that are not on every machine.</summary>
internal sealed record CgroupControllers(bool IsV2, bool HasHugetlb, bool HasSwap)
{
    /// <param name="root">Where cgroups are mounted, such as /sys/fs/cgroup.</param>
    internal static CgroupControllers Read(string root)
    {
        var controllers = Path.Combine(root, "cgroup.controllers");
        return File.Exists(controllers)
            ? new(true, File.ReadAllText(controllers).Split((char[])[' ', '\n']).Contains("hugetlb"), HasSwapFile(root))
            : new(
                false,
                Directory.Exists(Path.Combine(root, "hugetlb")),
                File.Exists(Path.Combine(root, "memory", "memory.memsw.limit_in_bytes")));
    }

    // cgroup v2 has no memory.swap.max at the root itself: Documentation/admin-guide/cgroup-v2.rst.
    private static bool HasSwapFile(string root) =>
        Directory.EnumerateDirectories(root).Any(static folder => File.Exists(Path.Combine(folder, "memory.swap.max")));
}

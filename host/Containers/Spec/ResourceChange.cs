namespace Berth.Containers.Spec;

/// <summary>An update of limits: what it leaves out stays as it is.</summary>
internal static class ResourceChange
{
    internal static ContainerResources Merge(ContainerResources old, ContainerResources change) => old with
    {
        CpuPeriod = change.CpuPeriod != 0 ? change.CpuPeriod : old.CpuPeriod,
        CpuQuota = change.CpuQuota != 0 ? change.CpuQuota : old.CpuQuota,
        CpuShares = change.CpuShares != 0 ? change.CpuShares : old.CpuShares,
        MemoryLimitBytes = change.MemoryLimitBytes != 0 ? change.MemoryLimitBytes : old.MemoryLimitBytes,
        MemorySwapLimitBytes = change.MemorySwapLimitBytes != 0 ? change.MemorySwapLimitBytes
            : change.MemoryLimitBytes != 0 ? 0 : old.MemorySwapLimitBytes,
        OomScoreAdj = change.OomScoreAdj != 0 ? change.OomScoreAdj : old.OomScoreAdj,
        CpusetCpus = change.CpusetCpus.Length > 0 ? change.CpusetCpus : old.CpusetCpus,
        CpusetMems = change.CpusetMems.Length > 0 ? change.CpusetMems : old.CpusetMems,
        HugepageLimits = [.. old.HugepageLimits.Where(o => change.HugepageLimits.All(c => c.PageSize != o.PageSize)), .. change.HugepageLimits],
        Unified = Merge(old.Unified, change.Unified),
    };

    // Each key is a file of its own: what the change does not name, the kernel still has.
    private static Dictionary<string, string> Merge(IReadOnlyDictionary<string, string> old, IReadOnlyDictionary<string, string> change)
    {
        var merged = new Dictionary<string, string>(old);
        foreach (var (key, value) in change)
        {
            merged[key] = value;
        }

        return merged;
    }
}

using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Limits of containers and pods.</summary>
internal static class ResourceMapping
{
    public static ContainerResources ToDomain(Protos.LinuxContainerResources resources, string field) => new()
    {
        CpuPeriod = Field.Within(resources.CpuPeriod, 0, long.MaxValue, $"{field}.cpu_period"),
        CpuQuota = resources.CpuQuota,
        CpuShares = Field.Within(resources.CpuShares, 0, long.MaxValue, $"{field}.cpu_shares"),
        MemoryLimitBytes = Field.Within(resources.MemoryLimitInBytes, 0, long.MaxValue, $"{field}.memory_limit_in_bytes"),
        OomScoreAdj = Field.Within(resources.OomScoreAdj, -1000, 1000, $"{field}.oom_score_adj"),
        CpusetCpus = Field.Line(resources.CpusetCpus, $"{field}.cpuset_cpus"),
        CpusetMems = Field.Line(resources.CpusetMems, $"{field}.cpuset_mems"),
        HugepageLimits = [.. resources.HugepageLimits.Select(static limit => new HugepageLimit(limit.PageSize, limit.Limit))],
        Unified = Unified(resources, $"{field}.unified"),
        MemorySwapLimitBytes = Field.Within(resources.MemorySwapLimitInBytes, -1, long.MaxValue, $"{field}.memory_swap_limit_in_bytes"),
    };

    public static Protos.LinuxContainerResources ToProto(ContainerResources resources) => new()
    {
        CpuPeriod = resources.CpuPeriod,
        CpuQuota = resources.CpuQuota,
        CpuShares = resources.CpuShares,
        MemoryLimitInBytes = resources.MemoryLimitBytes,
        OomScoreAdj = resources.OomScoreAdj,
        CpusetCpus = resources.CpusetCpus,
        CpusetMems = resources.CpusetMems,
        HugepageLimits = { resources.HugepageLimits.Select(static limit => new Protos.HugepageLimit { PageSize = limit.PageSize, Limit = limit.LimitBytes }) },
        Unified = { resources.Unified.ToDictionary() },
        MemorySwapLimitInBytes = resources.MemorySwapLimitBytes,
    };

    // A key is the name of a file in the container's cgroup, which the runtime writes to.
    private static Dictionary<string, string> Unified(Protos.LinuxContainerResources resources, string field)
    {
        foreach (var key in resources.Unified.Keys)
        {
            _ = Field.Name(key, $"a key of {field}");
        }

        return new(resources.Unified);
    }
}

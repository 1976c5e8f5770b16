using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;

namespace Berth.Sandboxes;

/// <summary>What a pod's cgroup is limited to: what its containers may use together, and what the pod takes beside them.</summary>
internal static class PodLimits
{
    private const long UsualPeriod = 100_000;

    /// <summary>The sum, in the runtimes' form; what is not limited is left out. An oom_score_adj is a process's, and no cgroup's.</summary>
    /// <param name="spec">The pod.</param>
    /// <param name="handlers">What the handler's pods take at the least; where the pod declares less, this counts.</param>
    /// <param name="host">The machine.</param>
    /// <param name="withMemory">False where the pod's memory is what its handler has made it of.</param>
    public static OciResources Of(PodSandboxSpec spec, PodOverhead? handlers, HostFacts host, bool withMemory = true)
    {
        var (own, overhead) = (spec.Resources ?? new(), spec.Overhead ?? new());
        var period = own.CpuPeriod > 0 ? own.CpuPeriod : UsualPeriod;
        var memory = withMemory ? Memory(own, overhead, handlers) : new();
        var plan = ResourcePlan.Create(
            memory with
            {
                CpuPeriod = own.CpuQuota > 0 ? period : 0,
                CpuQuota = own.CpuQuota > 0 ? Add(own.CpuQuota, Quota(overhead, handlers, period)) : 0,
                CpuShares = own.CpuShares > 0 ? Add(own.CpuShares, overhead.CpuShares) : 0,
                CpusetCpus = Both(own.CpusetCpus, overhead.CpusetCpus),
                CpusetMems = Both(own.CpusetMems, overhead.CpusetMems),
                HugepageLimits = Pages([.. own.HugepageLimits, .. overhead.HugepageLimits]),
                Unified = ResourceChange.Merge(overhead, own).Unified,
            },
            host);
        // A container without a word of swap has none, and says so itself; for the others the pod must not forbid it.
        return own.MemorySwapLimitBytes == 0 && plan.Memory is { } limited ? plan with { Memory = limited with { Swap = null } } : plan;
    }

    private static ContainerResources Memory(ContainerResources own, ContainerResources overhead, PodOverhead? handlers)
    {
        var beside = Math.Max(overhead.MemoryLimitBytes, handlers?.MemoryBytes ?? 0);
        return new()
        {
            MemoryLimitBytes = own.MemoryLimitBytes > 0 ? Add(own.MemoryLimitBytes, beside) : 0,
            MemorySwapLimitBytes = own.MemorySwapLimitBytes > 0 ? Add(own.MemorySwapLimitBytes, beside) : own.MemorySwapLimitBytes,
        };
    }

    // In the pod's own period.
    private static long Quota(ContainerResources overhead, PodOverhead? handlers, long period)
    {
        var declared = overhead is { CpuQuota: > 0, CpuPeriod: > 0 } ? (Int128)overhead.CpuQuota * period / overhead.CpuPeriod : 0;
        var least = (Int128)(handlers?.CpuMillis ?? 0) * period / 1000;
        return (long)Int128.Min(Int128.Max(declared, least), long.MaxValue);
    }

    private static IReadOnlyList<HugepageLimit> Pages(IReadOnlyList<HugepageLimit> all) =>
        [.. all.GroupBy(static l => l.PageSize).Select(static g => new HugepageLimit(g.Key, g.Aggregate(0UL, static (sum, l) => sum > ulong.MaxValue - l.LimitBytes ? ulong.MaxValue : sum + l.LimitBytes)))];

    private static string Both(string first, string second) => first.Length > 0 && second.Length > 0 ? $"{first},{second}" : first + second;

    private static long Add(long first, long second) => first > long.MaxValue - second ? long.MaxValue : first + second;
}

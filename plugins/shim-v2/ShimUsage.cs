using Berth.Abstractions;
using Berth.Plugins.ShimV2.Protocol;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2;

/// <summary>Usage as a shim reports it, in the form of the cgroup version that the container has.</summary>
internal static class ShimUsage
{
    private const string V1 = "io.containerd.cgroups.v1.Metrics", V2 = "io.containerd.cgroups.v2.Metrics";

    /// <summary>Reads it.</summary>
    /// <exception cref="RuntimeException">It is of neither form.</exception>
    public static ResourceUsage Of(StatsResponse response, DateTimeOffset time)
    {
        try
        {
            return response.Stats?.TypeUrl switch
            {
                V1 => Of(MetricsV1.Parser.ParseFrom(response.Stats.Value), time),
                V2 => Of(MetricsV2.Parser.ParseFrom(response.Stats.Value), time),
                var other => throw RuntimeException.NotSupported($"usage in the form '{other}'"),
            };
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the shim's usage figures are not understood: {e.Message}", e);
        }
    }

    private static ResourceUsage Of(MetricsV1 metrics, DateTimeOffset time) => new()
    {
        Timestamp = time,
        CpuNanoseconds = metrics.Cpu?.Usage?.Total,
        MemoryUsageBytes = metrics.Memory?.Usage?.Usage,
        MemoryWorkingSetBytes = WorkingSet(metrics.Memory?.Usage?.Usage, metrics.Memory?.TotalInactiveFile),
        MemoryRssBytes = metrics.Memory?.TotalRss,
        MemoryAvailableBytes = Available(metrics.Memory?.Usage?.Limit, WorkingSet(metrics.Memory?.Usage?.Usage, metrics.Memory?.TotalInactiveFile)),
        PageFaults = metrics.Memory?.TotalPgFault,
        MajorPageFaults = metrics.Memory?.TotalPgMajFault,
        ProcessCount = metrics.Pids?.Current,
    };

    private static ResourceUsage Of(MetricsV2 metrics, DateTimeOffset time) => new()
    {
        Timestamp = time,
        CpuNanoseconds = metrics.Cpu?.UsageUsec * 1000,
        MemoryUsageBytes = metrics.Memory?.Usage,
        MemoryWorkingSetBytes = WorkingSet(metrics.Memory?.Usage, metrics.Memory?.InactiveFile),
        MemoryRssBytes = metrics.Memory?.Anon,
        MemoryAvailableBytes = Available(metrics.Memory?.UsageLimit, WorkingSet(metrics.Memory?.Usage, metrics.Memory?.InactiveFile)),
        PageFaults = metrics.Memory?.Pgfault,
        MajorPageFaults = metrics.Memory?.Pgmajfault,
        ProcessCount = metrics.Pids?.Current,
    };

    private static ulong? WorkingSet(ulong? usage, ulong? inactive) => usage - Math.Min(usage ?? 0, inactive ?? 0);

    // Without a limit the kernel, and shims after it, name a number beyond any memory.
    private static ulong? Available(ulong? limit, ulong? workingSet) =>
        limit is null or 0 or > long.MaxValue / 2 || workingSet > limit ? null : limit - workingSet;
}

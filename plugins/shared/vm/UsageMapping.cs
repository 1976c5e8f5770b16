using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>The guest's figures as the contract has them.</summary>
internal static class UsageMapping
{
    public static ResourceUsage ToUsage(GuestStats stats, DateTimeOffset now) => new()
    {
        Timestamp = now,
        CpuNanoseconds = Unsigned(stats.CpuNanoseconds),
        MemoryUsageBytes = Unsigned(stats.MemoryCurrentBytes),
        MemoryWorkingSetBytes = Unsigned(stats.MemoryWorkingSetBytes),
        MemoryRssBytes = Unsigned(stats.MemoryRssBytes),
        MemoryAvailableBytes = stats.MemoryLimitBytes > 0 ? Unsigned(stats.MemoryLimitBytes - stats.MemoryWorkingSetBytes) : null,
        PageFaults = Unsigned(stats.PageFaults),
        MajorPageFaults = Unsigned(stats.MajorPageFaults),
        ProcessCount = Unsigned(stats.Pids),
    };

    public static ResourceUsage Sum(IReadOnlyList<ResourceUsage> parts, DateTimeOffset now) => new()
    {
        Timestamp = now,
        CpuNanoseconds = Sum(parts, static p => p.CpuNanoseconds),
        MemoryUsageBytes = Sum(parts, static p => p.MemoryUsageBytes),
        MemoryWorkingSetBytes = Sum(parts, static p => p.MemoryWorkingSetBytes),
        MemoryRssBytes = Sum(parts, static p => p.MemoryRssBytes),
        PageFaults = Sum(parts, static p => p.PageFaults),
        MajorPageFaults = Sum(parts, static p => p.MajorPageFaults),
        ProcessCount = Sum(parts, static p => p.ProcessCount),
    };

    private static ulong Sum(IReadOnlyList<ResourceUsage> parts, Func<ResourceUsage, ulong?> figure) =>
        parts.Aggregate(0UL, (sum, part) => sum + (figure(part) ?? 0));

    private static ulong Unsigned(long value) => (ulong)Math.Max(0, value);
}

namespace Berth.Metrics;

/// <summary>What the page of metrics shows of a cgroup beyond its usage. Null is not known here.</summary>
public sealed record CgroupDetails
{
    public ulong? CpuUserNanoseconds { get; init; }

    public ulong? CpuSystemNanoseconds { get; init; }

    /// <summary>Periods of the quota that have gone by.</summary>
    public ulong? CpuPeriods { get; init; }

    public ulong? CpuThrottledPeriods { get; init; }

    public ulong? CpuThrottledNanoseconds { get; init; }

    /// <summary>File pages.</summary>
    public ulong? MemoryCacheBytes { get; init; }

    public ulong? MemoryMappedBytes { get; init; }

    public ulong? MemoryPeakBytes { get; init; }

    /// <summary>How often the limit was hit.</summary>
    public ulong? MemoryLimitHits { get; init; }

    public ulong? OomKills { get; init; }

    public ulong? Threads { get; init; }

    /// <summary>0: no limit.</summary>
    public ulong? MaxThreads { get; init; }

    public IReadOnlyList<DeviceIo> Devices { get; init; } = [];
}

/// <summary>What went to and from a block device.</summary>
/// <param name="Device">Such as <c>/dev/sda</c>.</param>
/// <param name="Major">Its number.</param>
/// <param name="Minor">The second part of it.</param>
public sealed record DeviceIo(string Device, uint Major, uint Minor)
{
    public ulong ReadBytes { get; init; }

    public ulong WrittenBytes { get; init; }

    public ulong Reads { get; init; }

    public ulong Writes { get; init; }
}

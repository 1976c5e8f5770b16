namespace Berth.Abstractions;

/// <summary>Usage of a container or pod at one moment. Null: not known.</summary>
public sealed record ResourceUsage
{
    /// <summary>When it was read.</summary>
    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>Processor time since the start, in nanoseconds, over all processors.</summary>
    public ulong? CpuNanoseconds { get; init; }

    /// <summary>Memory in use, in bytes, page cache included.</summary>
    public ulong? MemoryUsageBytes { get; init; }

    /// <summary>Memory in use less what can be reclaimed at once (inactive file pages), in bytes.</summary>
    public ulong? MemoryWorkingSetBytes { get; init; }

    /// <summary>Anonymous memory, in bytes.</summary>
    public ulong? MemoryRssBytes { get; init; }

    /// <summary>The limit less the working set, in bytes; null without a limit.</summary>
    public ulong? MemoryAvailableBytes { get; init; }

    /// <summary>Page faults since the start.</summary>
    public ulong? PageFaults { get; init; }

    /// <summary>Page faults that needed input, since the start.</summary>
    public ulong? MajorPageFaults { get; init; }

    /// <summary>Swap in use, in bytes.</summary>
    public ulong? SwapUsageBytes { get; init; }

    /// <summary>Swap left within the limit, in bytes.</summary>
    public ulong? SwapAvailableBytes { get; init; }

    /// <summary>Processes.</summary>
    public ulong? ProcessCount { get; init; }

    /// <summary>
    /// Disk used by a container's writable layer, in bytes, where the handler keeps it in a store of its own; null has the gateway
    /// count the layer that it made.
    /// </summary>
    public ulong? WritableLayerBytes { get; init; }

    /// <summary>Inodes used by it.</summary>
    public ulong? WritableLayerInodes { get; init; }

    /// <summary>Time lost waiting for a processor.</summary>
    public PressureStall? CpuPressure { get; init; }

    /// <summary>Time lost waiting for memory.</summary>
    public PressureStall? MemoryPressure { get; init; }

    /// <summary>Time lost waiting for input and output.</summary>
    public PressureStall? IoPressure { get; init; }
}

/// <summary>Stalls for lack of a resource, as the kernel counts them (Documentation/accounting/psi.rst).</summary>
/// <param name="Some">At least one task waited.</param>
/// <param name="Full">All tasks waited at the same time; null where the kernel does not tell.</param>
public sealed record PressureStall(PressureFigures Some, PressureFigures? Full);

/// <summary>Figures of a stall.</summary>
/// <param name="TotalMicroseconds">Since the cgroup was made.</param>
/// <param name="Average10">Percent of the last 10 seconds, 0 to 100.</param>
/// <param name="Average60">Percent of the last 60 seconds.</param>
/// <param name="Average300">Percent of the last 300 seconds.</param>
public sealed record PressureFigures(ulong TotalMicroseconds, double Average10, double Average60, double Average300);

using Berth.Abstractions;
using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Usage of containers. A figure that is not known is left out: 0 would be a measurement.</summary>
internal static class StatsMapping
{
    /// <summary>Without a sample (it does not run, or has not been read yet) the answer only says which container it is.</summary>
    public static Protos.ContainerStats ToProto(Container container, ContainerUsageSample? sample)
    {
        var stats = new Protos.ContainerStats
        {
            Attributes = new()
            {
                Id = container.Id,
                Metadata = ContainerMapping.Metadata(container.Spec),
                Labels = { container.Spec.Labels.ToDictionary() },
                Annotations = { container.Spec.Annotations.ToDictionary() },
            },
        };
        if (sample is not null)
        {
            var timestamp = UnixNanoseconds.Of(sample.Usage.Timestamp);
            stats.Cpu = Cpu(sample.Usage, sample.UsageNanoCores);
            stats.Memory = Memory(sample.Usage);
            stats.Swap = Swap(sample.Usage, timestamp);
            stats.Io = Io(sample.Usage);
            stats.WritableLayer = sample.Writable is not { } writable ? null : new()
            {
                Timestamp = timestamp,
                FsId = new() { Mountpoint = sample.WritableMountpoint },
                UsedBytes = Value((ulong)Math.Max(0, writable.Bytes)),
                InodesUsed = Value((ulong)Math.Max(0, writable.Inodes)),
            };
        }

        return stats;
    }

    public static Protos.CpuUsage Cpu(ResourceUsage usage, ulong? nanoCores) => new()
    {
        Timestamp = UnixNanoseconds.Of(usage.Timestamp),
        UsageCoreNanoSeconds = Value(usage.CpuNanoseconds),
        UsageNanoCores = Value(nanoCores),
        Psi = Stall(usage.CpuPressure),
    };

    public static Protos.MemoryUsage Memory(ResourceUsage usage) => new()
    {
        Timestamp = UnixNanoseconds.Of(usage.Timestamp),
        WorkingSetBytes = Value(usage.MemoryWorkingSetBytes),
        AvailableBytes = Value(usage.MemoryAvailableBytes),
        UsageBytes = Value(usage.MemoryUsageBytes),
        RssBytes = Value(usage.MemoryRssBytes),
        PageFaults = Value(usage.PageFaults),
        MajorPageFaults = Value(usage.MajorPageFaults),
        Psi = Stall(usage.MemoryPressure),
    };

    public static Protos.IoUsage? Io(ResourceUsage usage) =>
        Stall(usage.IoPressure) is { } stall ? new() { Timestamp = UnixNanoseconds.Of(usage.Timestamp), Psi = stall } : null;

    private static Protos.SwapUsage? Swap(ResourceUsage usage, long timestamp) => usage is { SwapUsageBytes: null, SwapAvailableBytes: null }
        ? null
        : new() { Timestamp = timestamp, SwapUsageBytes = Value(usage.SwapUsageBytes), SwapAvailableBytes = Value(usage.SwapAvailableBytes) };

    private static Protos.PsiStats? Stall(PressureStall? stall) =>
        stall is null ? null : new() { Some = Figures(stall.Some), Full = stall.Full is null ? null : Figures(stall.Full) };

    // The kernel counts microseconds, CRI nanoseconds.
    private static Protos.PsiData Figures(PressureFigures figures) => new()
    {
        Total = figures.TotalMicroseconds * 1000,
        Avg10 = figures.Average10,
        Avg60 = figures.Average60,
        Avg300 = figures.Average300,
    };

    public static Protos.UInt64Value? Value(ulong? value) => value is { } known ? new() { Value = known } : null;
}

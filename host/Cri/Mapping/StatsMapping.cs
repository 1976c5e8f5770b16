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
            stats.Cpu = new() { Timestamp = timestamp, UsageCoreNanoSeconds = Value(sample.Usage.CpuNanoseconds), UsageNanoCores = Value(sample.UsageNanoCores) };
            stats.Memory = Memory(sample.Usage, timestamp);
            stats.Swap = Swap(sample.Usage, timestamp);
            stats.WritableLayer = new()
            {
                Timestamp = timestamp,
                FsId = new() { Mountpoint = sample.WritableMountpoint },
                UsedBytes = Value((ulong)Math.Max(0, sample.WritableBytes)),
                InodesUsed = Value((ulong)Math.Max(0, sample.WritableInodes)),
            };
        }

        return stats;
    }

    private static Protos.MemoryUsage Memory(ResourceUsage usage, long timestamp) => new()
    {
        Timestamp = timestamp,
        WorkingSetBytes = Value(usage.MemoryWorkingSetBytes),
        AvailableBytes = Value(usage.MemoryAvailableBytes),
        UsageBytes = Value(usage.MemoryUsageBytes),
        RssBytes = Value(usage.MemoryRssBytes),
        PageFaults = Value(usage.PageFaults),
        MajorPageFaults = Value(usage.MajorPageFaults),
    };

    private static Protos.SwapUsage? Swap(ResourceUsage usage, long timestamp) => usage is { SwapUsageBytes: null, SwapAvailableBytes: null }
        ? null
        : new() { Timestamp = timestamp, SwapUsageBytes = Value(usage.SwapUsageBytes), SwapAvailableBytes = Value(usage.SwapAvailableBytes) };

    private static Protos.UInt64Value? Value(ulong? value) => value is { } known ? new() { Value = known } : null;
}

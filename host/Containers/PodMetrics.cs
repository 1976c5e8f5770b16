using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>Usage as series with the names and labels that dashboards of kubelets look for.</summary>
public static partial class PodMetrics
{
    /// <summary>A pod's own series; their <c>container</c> is empty.</summary>
    public static IReadOnlyList<PodSeries> OfPod(Sandbox sandbox, SandboxUsageSample sample, CgroupDetails? details)
    {
        var series = new SeriesList("", sandbox.Cgroup.Path, "", sandbox.Id, sandbox);
        series.Add(StartTime, Seconds(sandbox.CreatedAt));
        series.AddUsage(sample.Usage);
        series.Add(Processes, sample.Usage.ProcessCount);
        series.AddCgroup(details);
        foreach (var link in sample.Links)
        {
            series.AddLink(link);
        }

        return series.Items;
    }

    /// <summary>A container's series.</summary>
    public static IReadOnlyList<PodSeries> OfContainer(Sandbox sandbox, Container container, ContainerUsageSample sample, ContainerDetails details)
    {
        var series = new SeriesList(container.Spec.Name, container.CgroupPath, container.Spec.Image, container.Id, sandbox);
        series.Add(StartTime, Seconds(container.StartedAt ?? container.CreatedAt));
        series.AddUsage(sample.Usage);
        series.AddCgroup(details.Cgroup);
        series.Add(Processes, (ulong?)details.Processes?.Processes ?? sample.Usage.ProcessCount);
        series.Add(Descriptors, details.Processes?.Descriptors);
        series.Add(Sockets, details.Processes?.Sockets);
        series.Add(Ulimits, details.Processes?.MaxOpenFiles, "max_open_files");
        series.Add(MemoryLimit, container.Resources.MemoryLimitBytes);
        series.Add(SwapLimit, Math.Max(0, container.Resources.MemorySwapLimitBytes));
        series.Add(Reservation, container.Resources.Unified.TryGetValue("memory.high", out var high) && ulong.TryParse(high, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0);
        series.Add(CpuPeriod, container.Resources.CpuPeriod);
        series.Add(CpuShares, container.Resources.CpuShares);
        if (container.Resources.CpuQuota > 0)
        {
            series.Add(CpuQuota, container.Resources.CpuQuota);
        }

        series.Add(FsUsage, sample.Writable?.Bytes, sample.WritableMountpoint);
        series.Add(FsInodes, sample.Writable?.Inodes, sample.WritableMountpoint);
        series.Add(FsLimit, details.Space?.TotalBytes, sample.WritableMountpoint);
        series.Add(FsInodesTotal, details.Space?.TotalInodes, sample.WritableMountpoint);
        series.Add(FsInodesFree, details.Space?.AvailableInodes, sample.WritableMountpoint);
        return series.Items;
    }

    private static double Seconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;

    private sealed class SeriesList(string container, string cgroup, string image, string name, Sandbox sandbox)
    {
        private readonly string[] _common = [container, cgroup, image, name, sandbox.Spec.Namespace, sandbox.Spec.Name];

        public List<PodSeries> Items { get; } = [];

        public void Add(PodMetric metric, double? value, params string[] labels)
        {
            if (value is { } known)
            {
                Items.Add(new(metric, labels.Length == 0 ? _common : [.. _common, .. labels], known));
            }
        }

        public void AddUsage(ResourceUsage usage)
        {
            Add(LastSeen, Seconds(usage.Timestamp));
            Add(Cpu, usage.CpuNanoseconds / 1e9, "total");
            Add(MemoryUsage, usage.MemoryUsageBytes);
            Add(WorkingSet, usage.MemoryWorkingSetBytes);
            Add(Rss, usage.MemoryRssBytes);
            Add(Swap, usage.SwapUsageBytes);
            Add(Failures, usage.PageFaults, "pgfault", "container");
            Add(Failures, usage.MajorPageFaults, "pgmajfault", "container");
            AddStall(usage.CpuPressure, CpuWaiting, CpuStalled);
            AddStall(usage.MemoryPressure, MemoryWaiting, MemoryStalled);
            AddStall(usage.IoPressure, IoWaiting, IoStalled);
        }

        public void AddCgroup(CgroupDetails? details)
        {
            if (details is null)
            {
                return;
            }

            Add(CpuUser, details.CpuUserNanoseconds / 1e9);
            Add(CpuSystem, details.CpuSystemNanoseconds / 1e9);
            Add(CfsPeriods, details.CpuPeriods);
            Add(CfsThrottledPeriods, details.CpuThrottledPeriods);
            Add(CfsThrottledTime, details.CpuThrottledNanoseconds / 1e9);
            Add(Cache, details.MemoryCacheBytes);
            Add(MappedFile, details.MemoryMappedBytes);
            Add(MaxUsage, details.MemoryPeakBytes);
            Add(LimitHits, details.MemoryLimitHits);
            Add(OomEvents, details.OomKills);
            Add(Threads, details.Threads);
            Add(MaxThreads, details.MaxThreads);
            foreach (var device in details.Devices)
            {
                AddDevice(device);
            }
        }

        public void AddLink(LinkUsage link)
        {
            Add(ReceiveBytes, link.RxBytes, link.Name);
            Add(ReceivePackets, link.RxPackets, link.Name);
            Add(ReceiveErrors, link.RxErrors, link.Name);
            Add(ReceiveDropped, link.RxDropped, link.Name);
            Add(TransmitBytes, link.TxBytes, link.Name);
            Add(TransmitPackets, link.TxPackets, link.Name);
            Add(TransmitErrors, link.TxErrors, link.Name);
            Add(TransmitDropped, link.TxDropped, link.Name);
        }

        private void AddDevice(DeviceIo device)
        {
            Add(Reads, device.Reads, device.Device);
            Add(ReadBytes, device.ReadBytes, device.Device);
            Add(Writes, device.Writes, device.Device);
            Add(WrittenBytes, device.WrittenBytes, device.Device);
            string[] labels = [device.Device, $"{device.Major}", $"{device.Minor}"];
            Add(DeviceUsage, device.ReadBytes, [.. labels, "Read"]);
            Add(DeviceUsage, device.WrittenBytes, [.. labels, "Write"]);
        }

        private void AddStall(PressureStall? stall, PodMetric waiting, PodMetric stalled)
        {
            Add(waiting, stall?.Some.TotalMicroseconds / 1e6);
            Add(stalled, stall?.Full?.TotalMicroseconds / 1e6);
        }
    }
}

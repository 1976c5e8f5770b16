using Berth.Abstractions;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>Usage as series with the names and labels that dashboards of kubelets look for.</summary>
public static class PodMetrics
{
    private static readonly string[] Common = ["container", "id", "image", "name", "namespace", "pod"];

    private static readonly PodMetric LastSeen = Gauge("container_last_seen", "When this container was last seen, in seconds since the epoch");
    private static readonly PodMetric StartTime = Gauge("container_start_time_seconds", "Start time of the container, in seconds since the epoch");
    private static readonly PodMetric Cpu = Counter("container_cpu_usage_seconds_total", "Processor time used, in seconds", "cpu");
    private static readonly PodMetric MemoryUsage = Gauge("container_memory_usage_bytes", "Memory in use, page cache included, in bytes");
    private static readonly PodMetric WorkingSet = Gauge("container_memory_working_set_bytes", "Memory in use less inactive file pages, in bytes");
    private static readonly PodMetric Rss = Gauge("container_memory_rss", "Anonymous memory, in bytes");
    private static readonly PodMetric Swap = Gauge("container_memory_swap", "Swap in use, in bytes");
    private static readonly PodMetric Failures = Counter("container_memory_failures_total", "Page faults", "failure_type", "scope");
    private static readonly PodMetric Processes = Gauge("container_processes", "Processes");
    private static readonly PodMetric MemoryLimit = Gauge("container_spec_memory_limit_bytes", "Memory limit, in bytes; 0 for none");
    private static readonly PodMetric CpuQuota = Gauge("container_spec_cpu_quota", "Processor time per period, in microseconds");
    private static readonly PodMetric CpuPeriod = Gauge("container_spec_cpu_period", "Period of the quota, in microseconds");
    private static readonly PodMetric CpuShares = Gauge("container_spec_cpu_shares", "Relative processor weight");
    private static readonly PodMetric FsUsage = Gauge("container_fs_usage_bytes", "Bytes that the container has written to its file system", "device");
    private static readonly PodMetric FsInodes = Gauge("container_fs_inodes_used", "Inodes that the container has made in its file system", "device");
    private static readonly PodMetric ReceiveBytes = Counter("container_network_receive_bytes_total", "Bytes received", "interface");
    private static readonly PodMetric ReceivePackets = Counter("container_network_receive_packets_total", "Packets received", "interface");
    private static readonly PodMetric ReceiveErrors = Counter("container_network_receive_errors_total", "Errors while receiving", "interface");
    private static readonly PodMetric ReceiveDropped = Counter("container_network_receive_packets_dropped_total", "Received packets that were dropped", "interface");
    private static readonly PodMetric TransmitBytes = Counter("container_network_transmit_bytes_total", "Bytes sent", "interface");
    private static readonly PodMetric TransmitPackets = Counter("container_network_transmit_packets_total", "Packets sent", "interface");
    private static readonly PodMetric TransmitErrors = Counter("container_network_transmit_errors_total", "Errors while sending", "interface");
    private static readonly PodMetric TransmitDropped = Counter("container_network_transmit_packets_dropped_total", "Packets that were dropped while sending", "interface");
    private static readonly PodMetric CpuWaiting = Counter("container_pressure_cpu_waiting_seconds_total", "Time in which some task waited for a processor");
    private static readonly PodMetric CpuStalled = Counter("container_pressure_cpu_stalled_seconds_total", "Time in which all tasks waited for a processor");
    private static readonly PodMetric MemoryWaiting = Counter("container_pressure_memory_waiting_seconds_total", "Time in which some task waited for memory");
    private static readonly PodMetric MemoryStalled = Counter("container_pressure_memory_stalled_seconds_total", "Time in which all tasks waited for memory");
    private static readonly PodMetric IoWaiting = Counter("container_pressure_io_waiting_seconds_total", "Time in which some task waited for input or output");
    private static readonly PodMetric IoStalled = Counter("container_pressure_io_stalled_seconds_total", "Time in which all tasks waited for input or output");

    /// <summary>All metrics, in the order in which they are shown.</summary>
    public static IReadOnlyList<PodMetric> All { get; } =
    [
        LastSeen, StartTime, Cpu, MemoryUsage, WorkingSet, Rss, Swap, Failures, Processes, MemoryLimit, CpuQuota, CpuPeriod, CpuShares, FsUsage, FsInodes,
        ReceiveBytes, ReceivePackets, ReceiveErrors, ReceiveDropped, TransmitBytes, TransmitPackets, TransmitErrors, TransmitDropped,
        CpuWaiting, CpuStalled, MemoryWaiting, MemoryStalled, IoWaiting, IoStalled,
    ];

    /// <summary>A pod's own series; their <c>container</c> is empty.</summary>
    public static IReadOnlyList<PodSeries> OfPod(Sandbox sandbox, SandboxUsageSample sample)
    {
        var series = new SeriesList("", sandbox.Cgroup.Path, "", sandbox.Id, sandbox);
        series.Add(StartTime, Seconds(sandbox.CreatedAt));
        series.AddUsage(sample.Usage);
        foreach (var link in sample.Links)
        {
            series.AddLink(link);
        }

        return series.Items;
    }

    /// <summary>A container's series.</summary>
    public static IReadOnlyList<PodSeries> OfContainer(Sandbox sandbox, Container container, ContainerUsageSample sample)
    {
        var series = new SeriesList(container.Spec.Name, container.CgroupPath, container.Spec.Image, container.Id, sandbox);
        series.Add(StartTime, Seconds(container.StartedAt ?? container.CreatedAt));
        series.AddUsage(sample.Usage);
        series.Add(MemoryLimit, container.Resources.MemoryLimitBytes);
        series.Add(CpuPeriod, container.Resources.CpuPeriod);
        series.Add(CpuShares, container.Resources.CpuShares);
        if (container.Resources.CpuQuota > 0)
        {
            series.Add(CpuQuota, container.Resources.CpuQuota);
        }

        series.Add(FsUsage, sample.WritableBytes, sample.WritableMountpoint);
        series.Add(FsInodes, sample.WritableInodes, sample.WritableMountpoint);
        return series.Items;
    }

    private static PodMetric Counter(string name, string help, params string[] labels) => new(name, help, true, [.. Common, .. labels]);

    private static PodMetric Gauge(string name, string help, params string[] labels) => new(name, help, false, [.. Common, .. labels]);

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
            Add(Processes, usage.ProcessCount);
            AddStall(usage.CpuPressure, CpuWaiting, CpuStalled);
            AddStall(usage.MemoryPressure, MemoryWaiting, MemoryStalled);
            AddStall(usage.IoPressure, IoWaiting, IoStalled);
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

        private void AddStall(PressureStall? stall, PodMetric waiting, PodMetric stalled)
        {
            Add(waiting, stall?.Some.TotalMicroseconds / 1e6);
            Add(stalled, stall?.Full?.TotalMicroseconds / 1e6);
        }
    }
}

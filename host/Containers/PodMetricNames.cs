namespace Berth.Containers;

/// <summary>
/// The metrics of pods and containers: those of cAdvisor's that a kubelet expects of a runtime (KEP-2371) and that Linux tells for a cgroup
/// or a process.
/// </summary>
public static partial class PodMetrics
{
    private static readonly string[] Common = ["container", "id", "image", "name", "namespace", "pod"];

    private static readonly PodMetric LastSeen = Gauge("container_last_seen", "When this container was last seen, in seconds since the epoch");
    private static readonly PodMetric StartTime = Gauge("container_start_time_seconds", "Start time of the container, in seconds since the epoch");
    private static readonly PodMetric Cpu = Counter("container_cpu_usage_seconds_total", "Processor time used, in seconds", "cpu");
    private static readonly PodMetric CpuUser = Counter("container_cpu_user_seconds_total", "Processor time used by programs, in seconds");
    private static readonly PodMetric CpuSystem = Counter("container_cpu_system_seconds_total", "Processor time used by the kernel for them, in seconds");
    private static readonly PodMetric CfsPeriods = Counter("container_cpu_cfs_periods_total", "Periods of the processor quota that have gone by");
    private static readonly PodMetric CfsThrottledPeriods = Counter("container_cpu_cfs_throttled_periods_total", "Periods in which the quota was used up");
    private static readonly PodMetric CfsThrottledTime = Counter("container_cpu_cfs_throttled_seconds_total", "Time in which the quota held processes back, in seconds");
    private static readonly PodMetric MemoryUsage = Gauge("container_memory_usage_bytes", "Memory in use, page cache included, in bytes");
    private static readonly PodMetric WorkingSet = Gauge("container_memory_working_set_bytes", "Memory in use less inactive file pages, in bytes");
    private static readonly PodMetric Rss = Gauge("container_memory_rss", "Anonymous memory, in bytes");
    private static readonly PodMetric Cache = Gauge("container_memory_cache", "Page cache, in bytes");
    private static readonly PodMetric MappedFile = Gauge("container_memory_mapped_file", "Files mapped into memory, in bytes");
    private static readonly PodMetric MaxUsage = Gauge("container_memory_max_usage_bytes", "The most memory that was in use, in bytes");
    private static readonly PodMetric LimitHits = Counter("container_memory_failcnt", "How often the memory limit was hit");
    private static readonly PodMetric Swap = Gauge("container_memory_swap", "Swap in use, in bytes");
    private static readonly PodMetric Failures = Counter("container_memory_failures_total", "Page faults", "failure_type", "scope");
    private static readonly PodMetric OomEvents = Counter("container_oom_events_total", "Processes killed for lack of memory");
    private static readonly PodMetric Processes = Gauge("container_processes", "Processes");
    private static readonly PodMetric Threads = Gauge("container_threads", "Threads");
    private static readonly PodMetric MaxThreads = Gauge("container_threads_max", "The most threads that there may be; 0 for no limit");
    private static readonly PodMetric Descriptors = Gauge("container_file_descriptors", "Open file descriptors of all processes");
    private static readonly PodMetric Sockets = Gauge("container_sockets", "Open sockets of all processes");
    private static readonly PodMetric Ulimits = Gauge("container_ulimits_soft", "Soft limits of the first process", "ulimit");
    private static readonly PodMetric MemoryLimit = Gauge("container_spec_memory_limit_bytes", "Memory limit, in bytes; 0 for none");
    private static readonly PodMetric SwapLimit = Gauge("container_spec_memory_swap_limit_bytes", "Limit of memory and swap together, in bytes; 0 for none");
    private static readonly PodMetric Reservation = Gauge("container_spec_memory_reservation_limit_bytes", "Memory beyond which the kernel takes pages back (memory.high), in bytes; 0 for none");
    private static readonly PodMetric CpuQuota = Gauge("container_spec_cpu_quota", "Processor time per period, in microseconds");
    private static readonly PodMetric CpuPeriod = Gauge("container_spec_cpu_period", "Period of the quota, in microseconds");
    private static readonly PodMetric CpuShares = Gauge("container_spec_cpu_shares", "Relative processor weight");
    private static readonly PodMetric FsUsage = Gauge("container_fs_usage_bytes", "Bytes that the container has written to its file system", "device");
    private static readonly PodMetric FsInodes = Gauge("container_fs_inodes_used", "Inodes that the container has made in its file system", "device");
    private static readonly PodMetric FsLimit = Gauge("container_fs_limit_bytes", "Size of the file system that the container writes to, in bytes", "device");
    private static readonly PodMetric FsInodesTotal = Gauge("container_fs_inodes_total", "Inodes of the file system that the container writes to", "device");
    private static readonly PodMetric FsInodesFree = Gauge("container_fs_inodes_free", "Free inodes of the file system that the container writes to", "device");
    private static readonly PodMetric Reads = Counter("container_fs_reads_total", "Reads from a block device", "device");
    private static readonly PodMetric ReadBytes = Counter("container_fs_reads_bytes_total", "Bytes read from a block device", "device");
    private static readonly PodMetric Writes = Counter("container_fs_writes_total", "Writes to a block device", "device");
    private static readonly PodMetric WrittenBytes = Counter("container_fs_writes_bytes_total", "Bytes written to a block device", "device");
    private static readonly PodMetric DeviceUsage = Counter("container_blkio_device_usage_total", "Bytes to and from a block device", "device", "major", "minor", "operation");
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
        LastSeen, StartTime, Cpu, CpuUser, CpuSystem, CfsPeriods, CfsThrottledPeriods, CfsThrottledTime,
        MemoryUsage, WorkingSet, Rss, Cache, MappedFile, MaxUsage, LimitHits, Swap, Failures, OomEvents,
        Processes, Threads, MaxThreads, Descriptors, Sockets, Ulimits,
        MemoryLimit, SwapLimit, Reservation, CpuQuota, CpuPeriod, CpuShares,
        FsUsage, FsInodes, FsLimit, FsInodesTotal, FsInodesFree, Reads, ReadBytes, Writes, WrittenBytes, DeviceUsage,
        ReceiveBytes, ReceivePackets, ReceiveErrors, ReceiveDropped, TransmitBytes, TransmitPackets, TransmitErrors, TransmitDropped,
        CpuWaiting, CpuStalled, MemoryWaiting, MemoryStalled, IoWaiting, IoStalled,
    ];

    private static PodMetric Counter(string name, string help, params string[] labels) => new(name, help, true, [.. Common, .. labels]);

    private static PodMetric Gauge(string name, string help, params string[] labels) => new(name, help, false, [.. Common, .. labels]);
}

using Berth.Containers;
using Berth.Linux;
using Berth.Metrics;
using Berth.Sandboxes;
using Berth.Tests.Unit.Cri;
using Xunit;

namespace Berth.Tests.Unit.Containers;

public sealed class PodSeriesTests
{
    private static readonly SandboxUsageSample Pod = new(
        new() { Timestamp = Records.Created, CpuNanoseconds = 2_500_000_000, MemoryRssBytes = 4096, CpuPressure = new(new(1_500_000, 1, 2, 3), null) },
        null,
        [new LinkUsage("eth0", 10, 1, 0, 0, 20, 2, 0, 0)],
        Records.Created);

    [Fact]
    public void Series_OfAPod_HaveTheLabelsOfTheirMetric()
    {
        var series = PodMetrics.OfPod(Records.Sandbox(), Pod, null);
        Assert.All(series, static s => Assert.Equal(s.Metric.Labels.Count, s.LabelValues.Count));
        Assert.All(series, static s => Assert.Contains(s.Metric, PodMetrics.All));
        Assert.Equal(2.5, Value(series, "container_cpu_usage_seconds_total"));
        Assert.Equal(20, Value(series, "container_network_transmit_bytes_total"));
        Assert.Equal(1.5, Value(series, "container_pressure_cpu_waiting_seconds_total"));
        // What is not known is left out: 0 would be a measurement.
        Assert.DoesNotContain(series, static s => s.Metric.Name is "container_processes" or "container_pressure_cpu_stalled_seconds_total");
    }

    [Fact]
    public void Text_OfSeries_IsInPrometheusForm()
    {
        var sandbox = Records.Sandbox() with { Spec = Records.Sandbox().Spec with { Name = "a\"b\\c\nd" } };
        var text = PodSeriesText.Write([new(sandbox.Id, Records.Created, PodMetrics.OfPod(sandbox, Pod, null), new Dictionary<string, IReadOnlyList<PodSeries>>())]);
        Assert.Contains("# TYPE container_memory_rss gauge\ncontainer_memory_rss{container=\"\",id=\"/kubepods/pod1\",image=\"\",name=\"0a1b\",namespace=\"shop\",pod=\"a\\\"b\\\\c\\nd\"} 4096\n", text, StringComparison.Ordinal);
        Assert.Contains(",interface=\"eth0\"} 10\n", text, StringComparison.Ordinal);
        Assert.Equal(1, text.Split('\n').Count(static l => l == "# TYPE container_cpu_usage_seconds_total counter"));
    }

    // Dashboards and rules look for these: a name that goes, or is another one, breaks them.
    [Fact]
    public void Metrics_AreThoseThatAKubeletExpectsOfARuntime() => Assert.Equal(
        [
            "blkio_device_usage_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total", "cpu_cfs_throttled_seconds_total",
            "cpu_system_seconds_total", "cpu_usage_seconds_total", "cpu_user_seconds_total", "file_descriptors",
            "fs_inodes_free", "fs_inodes_total", "fs_inodes_used", "fs_limit_bytes", "fs_reads_bytes_total", "fs_reads_total", "fs_usage_bytes",
            "fs_writes_bytes_total", "fs_writes_total", "last_seen", "memory_cache", "memory_failcnt", "memory_failures_total", "memory_mapped_file",
            "memory_max_usage_bytes", "memory_rss", "memory_swap", "memory_usage_bytes", "memory_working_set_bytes",
            "network_receive_bytes_total", "network_receive_errors_total", "network_receive_packets_dropped_total", "network_receive_packets_total",
            "network_transmit_bytes_total", "network_transmit_errors_total", "network_transmit_packets_dropped_total", "network_transmit_packets_total",
            "oom_events_total", "pressure_cpu_stalled_seconds_total", "pressure_cpu_waiting_seconds_total", "pressure_io_stalled_seconds_total",
            "pressure_io_waiting_seconds_total", "pressure_memory_stalled_seconds_total", "pressure_memory_waiting_seconds_total", "processes", "sockets",
            "spec_cpu_period", "spec_cpu_quota", "spec_cpu_shares", "spec_memory_limit_bytes", "spec_memory_reservation_limit_bytes",
            "spec_memory_swap_limit_bytes", "start_time_seconds", "threads", "threads_max", "ulimits_soft",
        ],
        PodMetrics.All.Select(static m => m.Name["container_".Length..]).Order(StringComparer.Ordinal));

    [Fact]
    public void Series_OfAContainer_HaveItsDetailsAndLimits()
    {
        var cgroup = new CgroupDetails
        {
            CpuUserNanoseconds = 1_500_000_000,
            CpuThrottledNanoseconds = 500_000_000,
            OomKills = 2,
            MaxThreads = 0,
            Devices = [new("/dev/vda", 254, 0) { ReadBytes = 10, WrittenBytes = 20, Reads = 1, Writes = 2 }],
        };
        var container = Records.Container() with { Resources = new() { MemorySwapLimitBytes = -1, Unified = new Dictionary<string, string> { ["memory.high"] = "77" } } };
        var series = PodMetrics.OfContainer(
            Records.Sandbox(),
            container,
            new(new() { Timestamp = Records.Created, ProcessCount = 9 }, null, null, "/var/lib/berth"),
            new(cgroup, new() { Processes = 3, Descriptors = 12, Sockets = null, MaxOpenFiles = 1024 }, new FileSystemSpace(100, 50, 10, 5)));

        Assert.All(series, static s => Assert.Equal(s.Metric.Labels.Count, s.LabelValues.Count));
        (string Name, double Value)[] expected =
        [
            ("container_cpu_user_seconds_total", 1.5), ("container_cpu_cfs_throttled_seconds_total", 0.5), ("container_oom_events_total", 2), ("container_threads_max", 0),
            ("container_processes", 3), ("container_file_descriptors", 12), ("container_ulimits_soft", 1024), ("container_spec_memory_swap_limit_bytes", 0),
            ("container_spec_memory_reservation_limit_bytes", 77), ("container_fs_limit_bytes", 100), ("container_fs_inodes_total", 10), ("container_fs_inodes_free", 5),
            ("container_fs_reads_total", 1), ("container_fs_writes_bytes_total", 20),
        ];
        Assert.All(expected, e => Assert.Equal(e.Value, Value(series, e.Name)));
        Assert.Equal([("Read", 10), ("Write", 20)], series.Where(static s => s.Metric.Name == "container_blkio_device_usage_total").Select(static s => (s.LabelValues[^1], s.Value)));
        Assert.DoesNotContain(series, static s => s.Metric.Name is "container_sockets" or "container_memory_cache" or "container_fs_usage_bytes");
    }

    private static double Value(IReadOnlyList<PodSeries> series, string name) => series.Single(s => s.Metric.Name == name).Value;
}

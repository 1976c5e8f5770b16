using Berth.Containers;
using Berth.Linux;
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
        var series = PodMetrics.OfPod(Records.Sandbox(), Pod);
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
        var text = PodSeriesText.Write([new(sandbox.Id, Records.Created, PodMetrics.OfPod(sandbox, Pod), new Dictionary<string, IReadOnlyList<PodSeries>>())]);
        Assert.Contains("# TYPE container_memory_rss gauge\ncontainer_memory_rss{container=\"\",id=\"/kubepods/pod1\",image=\"\",name=\"0a1b\",namespace=\"shop\",pod=\"a\\\"b\\\\c\\nd\"} 4096\n", text, StringComparison.Ordinal);
        Assert.Contains(",interface=\"eth0\"} 10\n", text, StringComparison.Ordinal);
        Assert.Equal(1, text.Split('\n').Count(static l => l == "# TYPE container_cpu_usage_seconds_total counter"));
    }

    [Fact]
    public void Metrics_OfAll_HaveNamesOfTheirOwn() =>
        Assert.Equal(PodMetrics.All.Count, PodMetrics.All.Select(static m => m.Name).Distinct().Count());

    private static double Value(IReadOnlyList<PodSeries> series, string name) => series.Single(s => s.Metric.Name == name).Value;
}

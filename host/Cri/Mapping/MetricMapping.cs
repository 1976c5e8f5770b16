using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Series of pods, as a kubelet passes them on to Prometheus.</summary>
internal static class MetricMapping
{
    public static Protos.ListMetricDescriptorsResponse Descriptors() => new()
    {
        Descriptors = { PodMetrics.All.Select(static m => new Protos.MetricDescriptor { Name = m.Name, Help = m.Help, LabelKeys = { m.Labels } }) },
    };

    public static Protos.PodSandboxMetrics ToProto(PodSeriesSet pod) => new()
    {
        PodSandboxId = pod.SandboxId,
        Metrics = { pod.OfPod.Select(s => ToProto(s, pod.Time)) },
        ContainerMetrics =
        {
            pod.OfContainers.Select(c => new Protos.ContainerMetrics { ContainerId = c.Key, Metrics = { c.Value.Select(s => ToProto(s, pod.Time)) } }),
        },
    };

    // CRI has whole numbers only: a second is the finest that a counter of seconds can tell there.
    private static Protos.Metric ToProto(PodSeries series, DateTimeOffset time) => new()
    {
        Name = series.Metric.Name,
        Timestamp = UnixNanoseconds.Of(time),
        MetricType = series.Metric.IsCounter ? Protos.MetricType.Counter : Protos.MetricType.Gauge,
        LabelValues = { series.LabelValues },
        Value = new() { Value = (ulong)Math.Max(0, series.Value) },
    };
}

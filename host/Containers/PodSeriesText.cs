using System.Globalization;
using System.Text;

namespace Berth.Containers;

/// <summary>The series of pods in Prometheus' text form (exposition format 0.0.4).</summary>
public static class PodSeriesText
{
    public static string Write(IReadOnlyList<PodSeriesSet> pods)
    {
        // All values of a metric stand together, below its description.
        var values = pods
            .SelectMany(static p => p.OfPod.Concat(p.OfContainers.Values.SelectMany(static c => c)))
            .ToLookup(static s => s.Metric);
        var text = new StringBuilder();
        foreach (var metric in PodMetrics.All.Where(values.Contains))
        {
            text.Append("# HELP ").Append(metric.Name).Append(' ').Append(metric.Help).Append('\n');
            text.Append("# TYPE ").Append(metric.Name).Append(metric.IsCounter ? " counter\n" : " gauge\n");
            foreach (var series in values[metric])
            {
                Append(text, series);
            }
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, PodSeries series)
    {
        text.Append(series.Metric.Name);
        var separator = '{';
        foreach (var (name, value) in series.Metric.Labels.Zip(series.LabelValues))
        {
            text.Append(separator).Append(name).Append("=\"").Append(Escape(value)).Append('"');
            separator = ',';
        }

        text.Append("} ").Append(series.Value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    internal static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}

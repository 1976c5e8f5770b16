using System.Globalization;
using System.Text;

namespace Berth.Metrics;

/// <summary>The series of plugins' processes in Prometheus' text form: what is gone is gone from the next page too.</summary>
public static class PluginProcessText
{
    private static readonly (string Name, string Type, string Help, Func<PluginProcessSample, double> Value)[] Series =
    [
        ("berth_plugin_process_cpu_seconds_total", "counter", "Processor time of the process that runs a plugin", static s => s.CpuSeconds),
        ("berth_plugin_process_resident_memory_bytes", "gauge", "Memory of the process that runs a plugin", static s => s.MemoryBytes),
        ("berth_plugin_process_open_fds", "gauge", "Open descriptors of the process that runs a plugin", static s => s.Descriptors),
        ("berth_plugin_process_restarts_total", "counter", "How often the process that runs a plugin ended without being asked to", static s => s.Restarts),
    ];

    public static string Write(IReadOnlyList<PluginProcessSample> samples)
    {
        // Of the same version there may be two, one of which drains. Ids and versions need no escapes.
        var plugins = samples.GroupBy(static s => (s.Plugin, s.Version)).ToList();
        var text = new StringBuilder();
        foreach (var (name, type, help, value) in Series.Where(_ => plugins.Count > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
            foreach (var plugin in plugins)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}{{plugin=\"{plugin.Key.Plugin}\",version=\"{plugin.Key.Version}\"}} {plugin.Sum(value):R}\n");
            }
        }

        return text.ToString();
    }
}

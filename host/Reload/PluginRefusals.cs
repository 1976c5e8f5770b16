using Berth.Metrics;
using Berth.Plugins;

namespace Berth.Reload;

/// <summary>Counts the versions of plugins that a snapshot refuses, each once.</summary>
internal static class PluginRefusals
{
    /// <returns>How many are new.</returns>
    public static int Count(BerthMetrics metrics, PluginSnapshot before, PluginSnapshot next)
    {
        var refused = next.Plugins.Where(static p => p.Refusal != PluginRefusal.None).Except(before.Plugins).ToList();
        foreach (var plugin in refused)
        {
            metrics.PluginRefused(plugin.Id, NameOf(plugin.Refusal));
        }

        return refused.Count;
    }

    private static string NameOf(PluginRefusal refusal) => refusal == PluginRefusal.SelfTest ? "self-test" : refusal.ToString().ToLowerInvariant();
}

using Berth.Containers;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Sandboxes;

namespace Berth;

/// <summary>What the metrics page counts at each scrape, from memory.</summary>
internal static class GatewayMetrics
{
    public static void Observe(IServiceProvider services)
    {
        var metrics = services.GetRequiredService<BerthMetrics>();
        var sandboxes = services.GetRequiredService<SandboxRegistry>();
        var containers = services.GetRequiredService<ContainerRegistry>();
        metrics.ObservePods(() => Count(sandboxes.List().Select(static s => (s.Phase.ToString(), s.Handler))));
        metrics.ObserveContainers(() => Count(containers.List().Select(c => (c.Phase.ToString(), sandboxes.Get(c.SandboxId)?.Handler ?? ""))));
        var table = services.GetRequiredService<HandlerTable>();
        metrics.ObservePlugins(
            () => table.Current.Generation,
            () => table.Current.PluginsNow().Select(p => new PluginCount(
                p.Id, p.Version, p.State.ToString(), p.State is PluginState.Failed or PluginState.Incompatible ? 0 : sandboxes.All().Count(s => s.PluginDigest == p.Digest && p.Digest.Length > 0))),
            () => services.GetRequiredService<PluginRetirement>().Remnants);
        var quarantine = services.GetRequiredService<Quarantine>();
        metrics.ObserveQuarantine(() => quarantine.Open.Select(static c => (c.Handler, c.Plugin, c.PluginVersion)));
        metrics.ObserveOwedRemovals(() => sandboxes.All().Count(static s => s.Owed is not null) + containers.All().Count(static c => c.Owed is not null));
    }

    private static IEnumerable<StateCount> Count(IEnumerable<(string State, string Handler)> rows) =>
        rows.GroupBy(static r => r).Select(static g => new StateCount(g.Key.State, g.Key.Handler, g.LongCount()));
}

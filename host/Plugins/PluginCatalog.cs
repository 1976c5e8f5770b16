using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Remote;

namespace Berth.Plugins;

/// <summary>
/// From folders and configuration to a snapshot of plugins and handlers:
/// scan ─► load the plugins that a handler uses ─► create the handlers ─► first check of each.
/// What fails is in the snapshot with its reason; nothing here keeps the gateway from starting.
/// </summary>
public sealed class PluginCatalog(HandlerFactory factory, RemotePlugins remote, TimeProvider time, ILogger<PluginCatalog> logger)
{
    /// <summary>The handlers that the manifests offer, for the configuration's checks; null if that cannot be told.</summary>
    public static IReadOnlySet<string>? OfferedHandlers(PluginsOptions options) => PluginScan.OfferedHandlers(options);

    public async Task<PluginSnapshot> LoadAsync(BerthOptions options, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        var candidates = PluginScan.Find(options.Plugins.Folders);
        var plans = HandlerPlan.Make(options.Handlers, [.. candidates.Select(static c => c.Manifest).OfType<PluginManifest>().DistinctBy(static m => m.Id)]);
        var plugins = await LoadPluginsAsync(candidates, plans, options.Plugins, cancellationToken);
        var handlers = await Task.WhenAll(plans.Select(p => CreateAsync(p, plugins, options.Gateway, cgroupDriver, cancellationToken)));
        await FirstChecksAsync(handlers, cancellationToken);
        return new([.. plugins.Select(static p => p.Entry)], handlers);
    }

    private async Task<IReadOnlyList<LoadedPlugin>> LoadPluginsAsync(
        IReadOnlyList<PluginCandidate> candidates, IReadOnlyList<HandlerPlan> plans, PluginsOptions options, CancellationToken cancellationToken)
    {
        var used = plans.Where(static p => !p.Disabled).Select(static p => p.Plugin).ToHashSet(StringComparer.Ordinal);
        var firsts = new Dictionary<string, string>(StringComparer.Ordinal);
        var plugins = new List<LoadedPlugin>();
        foreach (var candidate in candidates)
        {
            if (candidate.Manifest is not { } manifest)
            {
                plugins.Add(LoadedPlugin.Unusable(candidate));
            }
            else if (!firsts.TryAdd(manifest.Id, candidate.Folder))
            {
                PluginsLog.PluginDuplicate(logger, manifest.Id, candidate.Folder, firsts[manifest.Id]);
                plugins.Add(LoadedPlugin.Of(candidate, manifest, PluginState.Disabled, $"{firsts[manifest.Id]} has a plugin of the same id"));
            }
            else if (!used.Contains(manifest.Id))
            {
                plugins.Add(LoadedPlugin.Of(candidate, manifest, PluginState.Disabled, "no enabled handler uses it"));
            }
            else
            {
                plugins.Add(await LoadAsync(candidate, manifest, options, cancellationToken));
            }
        }

        foreach (var entry in plugins.Select(static p => p.Entry).Where(static e => e.State is PluginState.Failed or PluginState.Incompatible))
        {
            PluginsLog.PluginRejected(logger, entry.Id, entry.Folder, entry.State, entry.Reason);
        }

        return plugins;
    }

    private async Task<LoadedPlugin> LoadAsync(
        PluginCandidate candidate, PluginManifest manifest, PluginsOptions options, CancellationToken cancellationToken)
    {
        try
        {
            // The constructor is the plugin's code: it may hang.
            var loading = IsolationChoice.Of(candidate.Folder, manifest, options) == PluginIsolation.Process
                ? remote.StartAsync(candidate.Folder, manifest, options, cancellationToken)
                : Task.Run(() => PluginLoader.Load(candidate.Folder, manifest), cancellationToken).WaitAsync(PluginDeadlines.Create, time, cancellationToken);
            var instance = await loading;
            PluginsLog.PluginLoaded(logger, manifest.Id, manifest.Version, candidate.Folder);
            return LoadedPlugin.Of(candidate, manifest, PluginState.Active, "", instance);
        }
        catch (PluginRejectedException e)
        {
            return LoadedPlugin.Of(candidate, manifest, e.State, e.Message);
        }
        catch (TimeoutException)
        {
            return LoadedPlugin.Of(candidate, manifest, PluginState.Failed, $"it was not loaded within {PluginDeadlines.Create.TotalSeconds:0} s");
        }
    }

    private async Task<HandlerEntry> CreateAsync(
        HandlerPlan plan, IReadOnlyList<LoadedPlugin> plugins, GatewayOptions gateway, CgroupDriver cgroupDriver, CancellationToken cancellationToken)
    {
        // The first of an id is the one in use; a folder that cannot be read goes by its own name.
        var plugin = plugins.FirstOrDefault(p => p.Entry.Id == plan.Plugin);
        var entry = await factory.CreateAsync(plan, plugin, gateway, cgroupDriver, cancellationToken);
        if (entry.State == PluginState.Failed)
        {
            PluginsLog.HandlerFailed(logger, entry.Name, entry.Plugin, entry.Failure);
        }

        return entry;
    }

    private async Task FirstChecksAsync(IEnumerable<HandlerEntry> handlers, CancellationToken cancellationToken)
    {
        // They go on after the wait; each has a deadline of its own.
        var checks = Task.WhenAll(handlers.Select(static h => h.Handler?.Health.RefreshAsync(CancellationToken.None) ?? Task.CompletedTask));
        await Task.WhenAny(checks, Task.Delay(PluginDeadlines.FirstCheck, time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
    }
}

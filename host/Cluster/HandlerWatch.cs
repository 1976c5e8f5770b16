using Berth.Common;
using Berth.Plugins;

namespace Berth.Cluster;

/// <summary>What has become of handlers and plugins since the last look, as notices about the node.</summary>
internal sealed class HandlerWatch
{
    private Dictionary<string, (PluginState State, string Reason)>? _handlers;
    private HashSet<(string Id, string Version, string Digest, PluginState State)> _plugins = [];

    /// <summary>The first look tells only what is wrong.</summary>
    public IEnumerable<Notice> Look(PluginSnapshot snapshot)
    {
        var isFirst = _handlers is null;
        var before = _handlers ?? [];
        _handlers = snapshot.Handlers.Values.ToDictionary(static h => h.Name, static h => (h.State, h.Reason));
        var notices = _handlers.Where(h => !before.TryGetValue(h.Key, out var was) ? IsWrong(h.Value.State) : was.State != h.Value.State).Select(static h => Of(h.Key, h.Value.State, h.Value.Reason)).ToList();
        if (!isFirst)
        {
            notices.AddRange(before.Keys.Except(_handlers.Keys).Select(static name => new Notice(null, "HandlerGone", $"handler {name} is gone: no plugin offers it any more", IsWarning: true)));
        }

        var earlier = _plugins;
        _plugins = [.. snapshot.Plugins.Select(static p => (p.Id, p.Version, p.Digest, p.State))];
        notices.AddRange(snapshot.Plugins
            .Where(p => p.State is PluginState.Failed or PluginState.Incompatible or PluginState.Quarantined && !earlier.Contains((p.Id, p.Version, p.Digest, p.State)))
            .Select(static p => new Notice(null, $"Plugin{p.State}", $"plugin {p.Id} {p.Version} in {p.Folder} is {p.State}: {p.Reason}", IsWarning: true)));
        return notices;
    }

    private static bool IsWrong(PluginState state) => state is not (PluginState.Active or PluginState.Disabled);

    private static Notice Of(string name, PluginState state, string reason) => state == PluginState.Active
        ? new(null, "HandlerReady", $"handler {name} takes pods again", IsWarning: false)
        : new(null, $"Handler{state}", $"handler {name} takes no new pods: {reason}", IsWarning: state != PluginState.Disabled);
}

using System.Collections.Frozen;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Plugins.Health;

namespace Berth.Plugins;

/// <summary>A plugin as it was found.</summary>
/// <param name="Id">From the manifest; the folder's name if that cannot be read.</param>
/// <param name="Version">From the manifest; empty if that cannot be read.</param>
/// <param name="Folder">Where it lies.</param>
/// <param name="State">Whether it is in use.</param>
/// <param name="Reason">Why not; empty if it is.</param>
public sealed record PluginEntry(string Id, string Version, string Folder, PluginState State, string Reason)
{
    /// <summary>The SHA-256 of its folder's content; empty if it was never staged.</summary>
    public string Digest { get; init; } = "";

    /// <summary>Why it is trusted: it came with Berth, somebody has signed it, or nobody had to. Empty if it is not, or was never staged.</summary>
    public string Origin { get; init; } = "";

    /// <summary>What of it is to blame if it is not taken.</summary>
    public PluginRefusal Refusal { get; init; }

    /// <summary>The generation in which it came into force; 0 if it never did.</summary>
    public long Generation { get; init; }
}

/// <summary>
/// What a pod's record names its handler by: the name, and which object of that name. While a new version of a plugin serves new
/// pods, those of the old one stay with the object that started them.
/// </summary>
/// <param name="Name">As pods ask for it.</param>
/// <param name="Instance">Of <see cref="HandlerEntry.Instance"/>; empty for the one in force.</param>
public readonly record struct HandlerKey(string Name, string Instance);

/// <summary>A handler that pods can ask for, whether it works or not.</summary>
public sealed record HandlerEntry
{
    public required string Name { get; init; }

    /// <summary>The plugin's id; empty if plugins.json names none.</summary>
    public required string Plugin { get; init; }

    public string PluginVersion { get; init; } = "";

    /// <summary>The SHA-256 of the plugin's folder.</summary>
    public string PluginDigest { get; init; } = "";

    /// <summary>Tells apart the objects of one name: the plugin's digest and that of the options, shortened, and where it runs.</summary>
    public string Instance { get; init; } = "";

    public HandlerKey Key => new(Name, Instance);

    /// <summary>The state records that the plugin can read.</summary>
    public IReadOnlyList<int> StateVersions { get; init; } = [];

    /// <summary>What a pod costs beyond its containers, as the manifest says.</summary>
    public PodOverhead? Overhead { get; init; }

    /// <summary>Where the cluster's scheduler may put its pods, as the manifest says.</summary>
    public HandlerScheduling? Scheduling { get; init; }

    /// <summary>Null if it could not be created; <see cref="Failure"/> then says why.</summary>
    public GuardedHandler? Handler { get; init; }

    /// <summary>Empty if it was created.</summary>
    public string Failure { get; init; } = "";

    /// <summary>By the configuration: pods are told that there is no such handler.</summary>
    public bool Disabled { get; init; }

    /// <summary>An operator has switched its plugin off: it is there, and not ready.</summary>
    public bool PluginOff { get; init; }

    /// <summary>The keys of the pod annotations that reach it.</summary>
    public IReadOnlyList<string> Annotations { get; init; } = [];

    /// <summary>Why it takes no new pods although pods of it run: its plugin was replaced or removed. Null for one in force.</summary>
    public string? Drain { get; init; }

    /// <summary>The version of the plugin that it is of.</summary>
    internal LoadedPlugin? Source { get; init; }

    /// <summary>Whether it is quarantined; null while there is nothing that could be.</summary>
    public HandlerStanding? Standing { get; init; }

    public bool Ready => Drain is null && Handler is { Health.Ready: true } && Standing?.Quarantined is null;

    public PluginState State => Disabled || PluginOff ? PluginState.Disabled
        : Drain is not null ? PluginState.Draining
        : Standing?.Quarantined is not null ? PluginState.Quarantined
        : Handler is null ? PluginState.Failed
        : Ready ? PluginState.Active : PluginState.NotReady;

    /// <summary>Why no pod can be started; empty if one can.</summary>
    public string Reason => Drain ?? Standing?.Quarantined?.Text ?? Handler?.Health.Reason ?? Failure;

    /// <summary>Of a pod's annotations, those that reach it.</summary>
    public IReadOnlyDictionary<string, string> LetThrough(IReadOnlyDictionary<string, string> annotations) =>
        annotations.Where(a => Annotations.Contains(a.Key)).ToDictionary(StringComparer.Ordinal);
}

/// <summary>All plugins and handlers at one moment: the same object serves Status, validation and dispatch.</summary>
public sealed class PluginSnapshot
{
    internal PluginSnapshot(IReadOnlyList<PluginEntry> plugins, IEnumerable<HandlerEntry> handlers)
    {
        Plugins = plugins;
        Handlers = handlers.ToFrozenDictionary(static h => h.Name, StringComparer.Ordinal);
        KnownHandlers = [.. Handlers.Values.Where(static h => !h.Disabled).Select(static h => h.Name).Order(StringComparer.Ordinal)];
    }

    public static PluginSnapshot Empty { get; } = new([], []);

    /// <summary>Counts the snapshots that came into force by loading.</summary>
    public long Generation { get; init; }

    /// <summary>The configuration that belongs to it.</summary>
    public BerthOptions Options { get; init; } = new();

    public IReadOnlyList<PluginEntry> Plugins { get; }

    public FrozenDictionary<string, HandlerEntry> Handlers { get; }

    /// <summary>Handlers of which only pods are left: replaced by another of the same name, or removed.</summary>
    public IReadOnlyList<HandlerEntry> Draining { get; init; } = [];

    /// <summary><see cref="Plugins"/> as they stand at this moment: quarantine comes and goes without a new snapshot.</summary>
    public IEnumerable<PluginEntry> PluginsNow() => Plugins.Select(plugin =>
    {
        var handlers = Handlers.Values.Where(h => h.Plugin == plugin.Id && h.PluginDigest == plugin.Digest && !h.Disabled).ToList();
        var quarantined = handlers.Where(static h => h.State == PluginState.Quarantined).OrderBy(static h => h.Name, StringComparer.Ordinal).ToList();
        return plugin.State is not (PluginState.Active or PluginState.Quarantined) || quarantined.Count == 0 ? plugin : plugin with
        {
            State = quarantined.Count == handlers.Count ? PluginState.Quarantined : plugin.State,
            Reason = string.Join("; ", quarantined.Select(static h => $"handler {h.Name} is {h.Reason}")),
        };
    });

    /// <summary>The names that a pod may be given; those of disabled handlers are not among them.</summary>
    public IReadOnlyList<string> KnownHandlers { get; }

    /// <summary>Refuses a name that no handler has; an empty one names none.</summary>
    public void DemandKnown(string name, string field)
    {
        if (name.Length > 0 && !KnownHandlers.Contains(name))
        {
            throw RuntimeException.InvalidArgument($"{field} is '{name}', and there is no such runtime handler; {NearestName.Hint(name, KnownHandlers)}");
        }
    }

    /// <summary>For the choice of a handler: each of <see cref="KnownHandlers"/> with why no pod can be started on it now, empty if one can.</summary>
    public IReadOnlyDictionary<string, string> Readiness() =>
        KnownHandlers.ToDictionary(static name => name, name => Handlers[name] is { Ready: false } h ? h.Reason : "", StringComparer.Ordinal);

    /// <summary>The versions behind <see cref="Plugins"/>.</summary>
    internal IReadOnlyList<LoadedPlugin> Loaded { get; init; } = [];

    /// <summary>The handler that a pod belongs to; the one in force where the pod's own object is not there any more.</summary>
    public HandlerEntry? Find(HandlerKey key) => Draining.FirstOrDefault(h => h.Key == key) ?? Handlers.GetValueOrDefault(key.Name);

    /// <summary>The handler for work on an existing pod: it may be not ready.</summary>
    /// <exception cref="RuntimeException">There is none of that name, or it could not be created.</exception>
    public GuardedHandler Get(HandlerKey key)
    {
        var entry = Find(key)
            ?? throw RuntimeException.InvalidArgument($"there is no runtime handler '{key.Name}'; {NearestName.Hint(key.Name, KnownHandlers)}");
        return entry.Handler ?? throw RuntimeException.Unavailable($"handler '{key.Name}' cannot be used: {entry.Reason}");
    }

    /// <summary>The handler in force of that name, for work on what belongs to no pod.</summary>
    /// <exception cref="RuntimeException">There is none of that name, or it could not be created.</exception>
    public GuardedHandler Get(string name) => Get(new HandlerKey(name, ""));

    /// <summary>The handler for a new pod.</summary>
    /// <exception cref="RuntimeException">The same, or it is disabled, not ready, or drains.</exception>
    public HandlerEntry GetReady(string name)
    {
        _ = Get(name);
        var entry = Handlers[name];
        return entry.Ready ? entry : throw RuntimeException.Unavailable($"handler '{name}' is not ready: {entry.Reason}");
    }

    /// <summary>The same without handlers whose last pod has gone, and without the versions that only they were of.</summary>
    internal PluginSnapshot Without(IReadOnlySet<HandlerKey> gone)
    {
        var draining = Draining.Where(h => !gone.Contains(h.Key)).ToList();
        var loaded = Loaded.Where(l => l.Entry.State != PluginState.Draining || draining.Exists(d => d.Source!.Code == l.Code)).ToList();
        return new([.. loaded.Select(static l => l.Entry)], Handlers.Values.Where(h => h.Drain is null || !gone.Contains(h.Key)))
        {
            Generation = Generation,
            Options = Options,
            Draining = draining,
            Loaded = loaded,
        };
    }
}

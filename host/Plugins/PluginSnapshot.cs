using System.Collections.Frozen;
using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>A plugin as it was found.</summary>
/// <param name="Id">From the manifest; the folder's name if that cannot be read.</param>
/// <param name="Version">From the manifest; empty if that cannot be read.</param>
/// <param name="Folder">Where it lies.</param>
/// <param name="State">Whether it is in use.</param>
/// <param name="Reason">Why not; empty if it is.</param>
public sealed record PluginEntry(string Id, string Version, string Folder, PluginState State, string Reason);

/// <summary>A handler that pods can ask for, whether it works or not.</summary>
public sealed record HandlerEntry
{
    public required string Name { get; init; }

    /// <summary>The plugin's id; empty if plugins.json names none.</summary>
    public required string Plugin { get; init; }

    public string PluginVersion { get; init; } = "";

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

    public bool Disabled { get; init; }

    /// <summary>The keys of the pod annotations that reach it.</summary>
    public IReadOnlyList<string> Annotations { get; init; } = [];

    public bool Ready => Handler is { Health.Ready: true };

    public PluginState State => Disabled ? PluginState.Disabled
        : Handler is null ? PluginState.Failed
        : Ready ? PluginState.Active : PluginState.NotReady;

    /// <summary>Why no pod can be started; empty if one can.</summary>
    public string Reason => Handler?.Health.Reason ?? Failure;

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

    public IReadOnlyList<PluginEntry> Plugins { get; }

    public FrozenDictionary<string, HandlerEntry> Handlers { get; }

    /// <summary>The names that a pod may be given; those of disabled handlers are not among them.</summary>
    public IReadOnlyList<string> KnownHandlers { get; }

    /// <summary>For the choice of a handler: each of <see cref="KnownHandlers"/> with why no pod can be started on it now, empty if one can.</summary>
    public IReadOnlyDictionary<string, string> Readiness() =>
        KnownHandlers.ToDictionary(static name => name, name => Handlers[name] is { Ready: false } h ? h.Reason : "", StringComparer.Ordinal);

    /// <summary>The handler for work on an existing pod: it may be not ready.</summary>
    /// <exception cref="RuntimeException">There is none of that name, or it could not be created.</exception>
    public GuardedHandler Get(string name)
    {
        if (!Handlers.TryGetValue(name, out var entry))
        {
            throw RuntimeException.InvalidArgument($"there is no runtime handler '{name}'; {NearestName.Hint(name, KnownHandlers)}");
        }

        return entry.Handler ?? throw RuntimeException.Unavailable($"handler '{name}' cannot be used: {entry.Reason}");
    }

    /// <summary>The handler for a new pod.</summary>
    /// <exception cref="RuntimeException">The same, or it is disabled or not ready.</exception>
    public GuardedHandler GetReady(string name)
    {
        var handler = Get(name);
        return handler.Health.Ready ? handler : throw RuntimeException.Unavailable($"handler '{name}' is not ready: {handler.Health.Reason}");
    }
}

/// <summary>Holds the snapshot in force. A new one replaces it at once; whoever has read the old one goes on with it.</summary>
public sealed class HandlerTable(PluginSnapshot initial)
{
    private volatile PluginSnapshot _current = initial;

    public PluginSnapshot Current => _current;

    public void Swap(PluginSnapshot next) => _current = next;
}

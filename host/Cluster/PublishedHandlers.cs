using Berth.Abstractions;
using Berth.Plugins;

namespace Berth.Cluster;

/// <summary>A RuntimeClass that shall exist.</summary>
/// <param name="Handler">The handler's name, which is the class's too.</param>
/// <param name="PluginVersion">Where nodes differ, the newest plugin's word holds.</param>
/// <param name="Overhead">From the plugin's manifest.</param>
/// <param name="Scheduling">Likewise.</param>
internal sealed record PublishedClass(string Handler, string PluginVersion, PodOverhead? Overhead, HandlerScheduling? Scheduling);

/// <summary>What the cluster shall know of this node's handlers: the classes, and the labels of the node.</summary>
internal sealed record PublishedHandlers(IReadOnlyList<PublishedClass> Classes, IReadOnlyDictionary<string, string> Labels)
{
    /// <summary><c>handler.berth.dev/crun=true</c>: the node has the handler; <c>false</c> while no pod can be started on it.</summary>
    public const string HandlerLabel = "handler.berth.dev/";

    /// <summary><c>feature.berth.dev/crun.checkpoint=true</c>: what it can do.</summary>
    public const string FeatureLabel = "feature.berth.dev/";

    // Of the part of a label's key that follows the slash.
    private const int LongestName = 63;

    /// <summary>
    /// What no pod can be started on now, such as a quarantined handler or one whose plugin is switched off or fails to load, is published as not
    /// ready: without its class the API server would refuse the pods that should only wait. Only what the configuration disables, or no plugin offers,
    /// is not published.
    /// </summary>
    public static PublishedHandlers Of(PluginSnapshot snapshot)
    {
        var handlers = snapshot.Handlers.Values.Where(static h => !h.Disabled && (h.Handler is not null || h.Source?.Manifest is not null)).OrderBy(static h => h.Name, StringComparer.Ordinal).ToList();
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var handler in handlers)
        {
            labels[HandlerLabel + handler.Name] = handler.Ready ? "true" : "false";
            foreach (var name in Features(handler).Where(static n => n.Length <= LongestName))
            {
                labels[FeatureLabel + name] = "true";
            }
        }

        return new([.. handlers.Select(static h => new PublishedClass(h.Name, h.PluginVersion, h.Overhead, h.Scheduling))], labels);
    }

    /// <summary>Whether a label of a node is ours to set and remove.</summary>
    public static bool IsOurs(string label) =>
        label.StartsWith(HandlerLabel, StringComparison.Ordinal) || label.StartsWith(FeatureLabel, StringComparison.Ordinal);

    public bool SameAs(PublishedHandlers? other) =>
        other is not null && Labels.SequenceEqual(other.Labels) && Classes.SequenceEqual(other.Classes);

    private static IEnumerable<string> Features(HandlerEntry handler) => handler.Handler is not { } made ? [] :
        FeatureNames.Of(made.Health.Features).Select(f => $"{handler.Name}.{f.Replace(' ', '-').ToLowerInvariant()}");
}

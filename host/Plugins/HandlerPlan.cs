using System.Text.Json;
using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>A handler that shall exist: from a manifest, from plugins.json, or from both.</summary>
/// <param name="Name">As pods ask for it.</param>
/// <param name="Plugin">The plugin's id; empty if nothing names one.</param>
/// <param name="Options">Merged, an object.</param>
/// <param name="Overhead">What the manifest says.</param>
/// <param name="Disabled">plugins.json switches it off.</param>
/// <param name="Annotations">The keys of the pod annotations that reach it.</param>
/// <param name="Scheduling">What the manifest says.</param>
internal sealed record HandlerPlan(
    string Name, string Plugin, JsonElement Options, PodOverhead? Overhead, bool Disabled, IReadOnlyList<string> Annotations, HandlerScheduling? Scheduling)
{
    /// <summary>Why its plugin is switched off; null if it is not. Pods that ask for it are told, and may get its fallback.</summary>
    public string? PluginOff { get; init; }

    /// <summary>The handlers of a configuration, from its plugins' manifests; nothing is loaded.</summary>
    public static IReadOnlyList<HandlerPlan> Read(BerthOptions options) =>
        Make(options.Handlers, [.. PluginScan.Find(options.Plugins.Folders).Select(static c => c.Manifest).OfType<PluginManifest>().DistinctBy(static m => m.Id)]);

    /// <summary>Where two plugins offer the same name and plugins.json does not choose, the first has it.</summary>
    public static IReadOnlyList<HandlerPlan> Make(IReadOnlyDictionary<string, HandlerOptions> configured, IReadOnlyList<PluginManifest> manifests)
    {
        var names = configured.Keys.Concat(manifests.SelectMany(static m => m.Handlers.Keys)).Distinct(StringComparer.Ordinal);
        return [.. names.Order(StringComparer.Ordinal).Select(name => Make(name, configured.GetValueOrDefault(name), manifests))];
    }

    private static HandlerPlan Make(string name, HandlerOptions? configured, IReadOnlyList<PluginManifest> manifests)
    {
        var manifest = configured?.Plugin is { } id
            ? manifests.FirstOrDefault(m => m.Id == id)
            : manifests.FirstOrDefault(m => m.Handlers.ContainsKey(name));
        var offered = manifest?.Handlers.GetValueOrDefault(name);
        return new(
            name,
            manifest?.Id ?? configured?.Plugin ?? "",
            HandlerConfigMerge.Merge(offered?.Options, configured?.Options),
            offered?.Overhead,
            configured?.Disabled ?? false,
            configured?.Annotations ?? manifest?.Annotations ?? [],
            offered?.Scheduling);
    }
}

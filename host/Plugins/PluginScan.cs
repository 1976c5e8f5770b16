using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins;

/// <summary>A folder with a plugin.json: its manifest, or why it is not taken.</summary>
internal sealed record PluginCandidate(string Folder, PluginManifest? Manifest, PluginState State, string Reason, PluginRefusal Refusal = PluginRefusal.None);

/// <summary>Looks through the configured folders; loads nothing.</summary>
internal static class PluginScan
{
    /// <summary>
    /// In the order of the folders, then by name. A configured folder that is missing is an empty one. Names that begin with a dot
    /// are not looked at: a place for what is being copied, and for the versions that a link switches between.
    /// </summary>
    public static IReadOnlyList<PluginCandidate> Find(IReadOnlyList<string> folders) =>
        [.. folders.Where(Directory.Exists).SelectMany(Subfolders).Where(static f => File.Exists(Path.Combine(f, PluginManifestReader.FileName))).Select(Examine)];

    /// <summary>The handlers that the manifests offer; null if a plugin cannot be examined, and so what it offers is not known.</summary>
    public static IReadOnlySet<string>? OfferedHandlers(PluginsOptions options)
    {
        var candidates = Find(options.Folders);
        return candidates.Any(static c => c.Manifest is null)
            ? null
            : candidates.SelectMany(static c => c.Manifest!.Handlers.Keys).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Of one folder; null if it is no plugin.</summary>
    public static PluginCandidate? Look(string folder) => File.Exists(Path.Combine(folder, PluginManifestReader.FileName)) ? Examine(folder) : null;

    private static IEnumerable<string> Subfolders(string folder) =>
        Directory.EnumerateDirectories(folder).Where(static f => Path.GetFileName(f)[0] != '.').Order(StringComparer.Ordinal);

    private static PluginCandidate Examine(string folder)
    {
        try
        {
            var real = PluginFolder.Resolve(folder);
            PluginFolder.Check(real);
            return new(folder, PluginManifestReader.Read(Path.Combine(real, PluginManifestReader.FileName)), PluginState.Active, "");
        }
        catch (PluginRejectedException e)
        {
            return new(folder, null, e.State, e.Message, e.Refusal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(folder, null, PluginState.Failed, $"{folder} cannot be read: {e.Message}", PluginRefusal.Folder);
        }
    }
}

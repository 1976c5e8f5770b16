using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>A plugin after the attempt to load it: an instance, or the reason why there is none.</summary>
internal sealed record LoadedPlugin(PluginEntry Entry, PluginManifest? Manifest, IRuntimePlugin? Instance)
{
    public static LoadedPlugin Unusable(PluginCandidate candidate) => new(
        new(Path.GetFileName(candidate.Folder), "", candidate.Folder, candidate.State, candidate.Reason), null, null);

    public static LoadedPlugin Of(PluginCandidate candidate, PluginManifest manifest, PluginState state, string reason, IRuntimePlugin? instance = null) =>
        new(new(manifest.Id, manifest.Version, candidate.Folder, state, reason), manifest, instance);
}

using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>A version of a plugin after the attempt to load it: its code, or the reason why there is none.</summary>
internal sealed record LoadedPlugin(PluginEntry Entry, PluginManifest? Manifest, IPluginCode? Code)
{
    public IRuntimePlugin? Instance => Code?.Plugin;

    /// <summary>Where it runs, or was to; null if it came to no such choice.</summary>
    public PluginIsolation? Isolation { get; init; }

    public LoadedPlugin RefusedFor(PluginRefusal refusal) => this with { Entry = Entry with { Refusal = refusal } };

    public static LoadedPlugin Unusable(PluginCandidate candidate) => new(
        new(Path.GetFileName(candidate.Folder), "", candidate.Folder, candidate.State, candidate.Reason) { Refusal = candidate.Refusal }, null, null);

    public static LoadedPlugin Of(
        PluginCandidate candidate, PluginManifest manifest, PluginState state, string reason, string digest = "", IPluginCode? code = null) =>
        new(new(manifest.Id, manifest.Version, candidate.Folder, state, reason) { Digest = digest }, manifest, code);
}

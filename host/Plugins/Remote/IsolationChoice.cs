using Berth.Abstractions;
using Berth.Configuration;

namespace Berth.Plugins.Remote;

/// <summary>
/// Where a plugin runs: where plugins.json says, or else its manifest, or else in a process of its own, unless it came with Berth.
/// </summary>
internal static class IsolationChoice
{
    private static readonly string Program = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

    /// <param name="folder">The folder in which the plugin was found, not a copy of it.</param>
    /// <param name="manifest">The plugin's manifest.</param>
    /// <param name="options">The operator's word.</param>
    public static PluginIsolation Of(string folder, PluginManifest manifest, PluginsOptions options) =>
        options.ById.GetValueOrDefault(manifest.Id)?.Isolation
        ?? manifest.Isolation
        ?? (IsShipped(folder) ? PluginIsolation.InProcess : PluginIsolation.Process);

    /// <summary>
    /// Whether it came with Berth: it lies in the folder <c>plugins</c> beside the program, where only Berth's own package puts
    /// anything, or is built from the same tree.
    /// </summary>
    public static bool IsShipped(string folder) =>
        Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) is { } parent
        && (parent == Path.Combine(Program, "plugins") || parent == BuiltPlugins());

    // artifacts/plugins for artifacts/bin/<project>/<configuration>.
    private static string? BuiltPlugins() =>
        Program.Split('/') is [.., "artifacts", "bin", _, _] ? Path.GetFullPath("../../../plugins", Program) : null;
}

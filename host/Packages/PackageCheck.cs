using Berth.Abstractions;
using Berth.Plugins;

namespace Berth.Packages;

/// <summary>Whether a folder is a plugin that this version of Berth could load.</summary>
internal static class PackageCheck
{
    /// <param name="folder">The folder.</param>
    /// <param name="source">What its owner knows it as.</param>
    /// <exception cref="RuntimeException">It is none, with the reason.</exception>
    public static PluginManifest Manifest(string folder, string source)
    {
        try
        {
            var manifest = PluginManifestReader.Read(Path.Combine(folder, PluginManifestReader.FileName));
            return File.Exists(Path.Combine(folder, manifest.Assembly))
                ? manifest
                : throw RuntimeException.InvalidArgument($"{source} is no plugin: its assembly {manifest.Assembly} is missing");
        }
        catch (PluginRejectedException e)
        {
            throw RuntimeException.InvalidArgument($"{source} is no plugin that can be loaded: {e.Message.Replace(folder + "/", "", StringComparison.Ordinal)}");
        }
    }
}

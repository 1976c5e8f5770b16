using Berth.Linux;

namespace Berth.Network;

/// <summary>The folders of plugin executables, in order.</summary>
internal sealed class CniPluginFolders(IReadOnlyList<string> folders)
{
    /// <summary>CNI_PATH, where plugins find those that they call.</summary>
    public string SearchPath { get; } = string.Join(':', folders);

    /// <summary>The executable of a plugin, or null.</summary>
    public string? Find(string name) =>
        folders.Select(f => Executable.Find(Path.Combine(f, name))).FirstOrDefault(static p => p is not null);

    /// <summary>Says which executable of the network is missing, or null.</summary>
    public string? FindMissing(CniNetworkList network)
    {
        var missing = network.Plugins.SelectMany(static p => p.IpamType is null ? [p.Type] : new[] { p.Type, p.IpamType })
            .Where(name => Find(name) is null).Distinct().ToList();
        return missing.Count == 0
            ? null
            : $"CNI network '{network.Name}' needs the plugins {string.Join(", ", missing)}, which are in none of {string.Join(", ", folders)}: install them (Debian: containernetworking-plugins)";
    }
}

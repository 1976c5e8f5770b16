using Berth.Configuration;
using Berth.Plugins;
using Berth.Plugins.Signatures;

namespace Berth.Packages;

/// <summary>A plugin as it lies there.</summary>
/// <param name="Id">From the manifest; the folder's name if that cannot be read.</param>
/// <param name="Version">From the manifest; empty if that cannot be read.</param>
/// <param name="Folder">Where the gateway finds it.</param>
/// <param name="Origin">Why it is trusted; empty if it is not.</param>
/// <param name="Refusal">Why a gateway would not take it; empty if it would try.</param>
/// <param name="DisabledBy">Why an operator has switched it off; null if nobody has.</param>
/// <param name="Kept">Other versions that are kept, the oldest first.</param>
/// <param name="RollbackTo">Where a rollback goes; empty for nowhere.</param>
internal sealed record InventoryItem(
    string Id, string Version, string Folder, string Origin, string Refusal, string? DisabledBy, IReadOnlyList<string> Kept, string RollbackTo);

/// <summary>What lies in the plugin folders; no gateway is asked.</summary>
internal static class Inventory
{
    public static IEnumerable<InventoryItem> Read(PluginsOptions options, IReadOnlyList<string> folders, TimeProvider time)
    {
        var (disabled, policy) = (DisabledPlugins.Read(folders), new SignaturePolicy(time));
        return PluginScan.Find(folders).Select(candidate =>
        {
            var id = candidate.Manifest?.Id ?? Path.GetFileName(candidate.Folder);
            var (origin, refusal) = candidate.Manifest is null ? ("", candidate.Reason) : policy.Examine(candidate.Folder, id, options.Signatures);
            var versions = new VersionFolder(Path.GetDirectoryName(candidate.Folder)!);
            var (all, current) = (versions.All(id), versions.LinkOf(id) == candidate.Folder ? versions.Current(id) : null);
            var kept = current is null ? [] : all.Where(v => v != current).ToList();
            var back = current is not null && all.Count > 1 && current == all[^1] ? all[^2].Version : "";
            return new InventoryItem(
                id, candidate.Manifest?.Version ?? "", candidate.Folder, origin, refusal, disabled.GetValueOrDefault(id), [.. kept.Select(static v => v.Version)], back);
        });
    }
}

using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Shared;

/// <summary>What the plugin itself must know of a bundle's config.json.</summary>
internal static class BundleFacts
{
    /// <summary>
    /// The container's cgroup beneath the root of each hierarchy, or null if the bundle names none.
    /// With systemd <c>linux.cgroupsPath</c> is <c>slice:prefix:name</c> and means the scope <c>prefix-name.scope</c> in the slice.
    /// </summary>
    public static string? ReadCgroup(string bundle, string podCgroup)
    {
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(bundle, "config.json")));
            var path = config.RootElement.TryGetProperty("linux", out var linux) && linux.TryGetProperty("cgroupsPath", out var value)
                ? value.GetString()
                : null;
            return path?.Split(':') switch
            {
                null or [""] => null,
                [_, var prefix, var name] => $"{podCgroup}/{prefix}-{name}.scope",
                _ => "/" + path.TrimStart('/'),
            };
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"bundle {bundle}: config.json cannot be read: {e.Message}");
        }
    }
}

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
    public static string? ReadCgroup(string bundle, string podCgroup) => Read(bundle, config =>
    {
        var path = config.TryGetProperty("linux", out var linux) && linux.TryGetProperty("cgroupsPath", out var value)
            ? value.GetString()
            : null;
        return path?.Split(':') switch
        {
            null or [""] => null,
            [_, var prefix, var name] => $"{podCgroup}/{prefix}-{name}.scope",
            _ => "/" + path.TrimStart('/'),
        };
    });

    /// <summary>The path of a namespace that the container joins, or null.</summary>
    public static string? NamespacePath(string bundle, string type) => Read(bundle, config =>
        config.TryGetProperty("linux", out var linux) && linux.TryGetProperty("namespaces", out var all)
            ? all.EnumerateArray().Where(n => n.GetProperty("type").ValueEquals(type)).Select(static n => n.TryGetProperty("path", out var path) ? path.GetString() : null).FirstOrDefault()
            : null);

    private static string? Read(string bundle, Func<JsonElement, string?> body)
    {
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(bundle, "config.json")));
            return body(config.RootElement);
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"bundle {bundle}: config.json cannot be read: {e.Message}");
        }
    }
}

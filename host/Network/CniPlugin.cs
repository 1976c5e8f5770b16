using System.Text.Json;

namespace Berth.Network;

/// <summary>One plugin of a configuration list.</summary>
/// <param name="Type">The executable's bare name.</param>
/// <param name="IpamType">The executable that it calls for addresses; null for none.</param>
/// <param name="Capabilities">What of runtimeConfig it asks for.</param>
/// <param name="Config">Its object as configured.</param>
public sealed record CniPlugin(string Type, string? IpamType, IReadOnlySet<string> Capabilities, JsonElement Config)
{
    internal static CniPlugin Parse(JsonElement element)
    {
        var type = BareName("type", CniNetworkList.RequiredText(element, "type"));
        string? ipam = null;
        if (element.TryGetProperty("ipam", out var ipamElement) && ipamElement.ValueKind == JsonValueKind.Object
            && ipamElement.TryGetProperty("type", out var ipamType))
        {
            ipam = ipamType.ValueKind == JsonValueKind.String ? ipamType.GetString() : throw new FormatException($"ipam.type of plugin {type} is no text");
            ipam = string.IsNullOrEmpty(ipam) ? null : BareName("ipam.type", ipam);
        }

        return new(type, ipam, ParseCapabilities(type, element), element.Clone());
    }

    /// <summary>Whether this is the name of a file in a plugin folder and no path that leads elsewhere.</summary>
    private static string BareName(string key, string value) =>
        value is "." or ".." || value.Length > 255 || value.AsSpan().ContainsAny("/\\:\0")
            ? throw new FormatException($"{key} '{value}' must be a bare file name")
            : value;

    private static HashSet<string> ParseCapabilities(string type, JsonElement element)
    {
        if (!element.TryGetProperty("capabilities", out var capabilities))
        {
            return [];
        }

        return capabilities.ValueKind == JsonValueKind.Object
            ? [.. capabilities.EnumerateObject().Where(static c => c.Value.ValueKind == JsonValueKind.True).Select(static c => c.Name)]
            : throw new FormatException($"capabilities of plugin {type} is no object");
    }
}

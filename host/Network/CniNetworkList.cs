using System.Text.Json;
using System.Text.RegularExpressions;

namespace Berth.Network;

/// <summary>A CNI configuration list, checked: immutable, so that ADD and the DEL of months later speak of the same.</summary>
public sealed partial class CniNetworkList
{
    internal const int MaxBytes = 256 * 1024;

    private const int MaxPlugins = 32;
    private static readonly string[] KnownVersions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    private CniNetworkList(string json, string name, string version, IReadOnlyList<CniPlugin> plugins) =>
        (Json, Name, CniVersion, Plugins) = (json, name, version, plugins);

    /// <summary>The text that it was parsed from; stored with the sandbox, for its DEL.</summary>
    public string Json { get; }

    /// <summary>The network's name.</summary>
    public string Name { get; }

    /// <summary>The version of the specification that its plugins are spoken to in.</summary>
    public string CniVersion { get; }

    /// <summary>In the order of ADD.</summary>
    public IReadOnlyList<CniPlugin> Plugins { get; }

    /// <summary>DEL gets the cached result from 0.4.0 on; before that the plugins do not know the field.</summary>
    internal bool DeleteTakesResult => !CniVersion.StartsWith("0.3.", StringComparison.Ordinal);

    /// <summary>Parses a list, or a single plugin's configuration, which is a list of one.</summary>
    /// <exception cref="FormatException">It is no valid configuration; the message says why.</exception>
    public static CniNetworkList Parse(string json)
    {
        if (json.Length > MaxBytes)
        {
            throw new FormatException($"it is larger than {MaxBytes} bytes");
        }

        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Parse(json, document.RootElement);
        }
        catch (JsonException e)
        {
            throw new FormatException($"it is not valid JSON: {e.Message}", e);
        }
    }

    private static CniNetworkList Parse(string json, JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("it is not a JSON object");
        }

        var name = RequiredText(root, "name");
        if (!NamePattern().IsMatch(name))
        {
            throw new FormatException($"the name '{name}' is not made of letters, digits, '_', '.' and '-', beginning with a letter or digit");
        }

        var version = RequiredText(root, "cniVersion");
        if (!KnownVersions.Contains(version))
        {
            throw new FormatException($"cniVersion '{version}' is not known; known are {string.Join(", ", KnownVersions)}");
        }

        return new(json, name, version, [.. PluginElements(root).Select(CniPlugin.Parse)]);
    }

    private static List<JsonElement> PluginElements(JsonElement root)
    {
        if (!root.TryGetProperty("plugins", out var plugins))
        {
            return [root];
        }

        if (plugins.ValueKind != JsonValueKind.Array || plugins.GetArrayLength() is < 1 or > MaxPlugins)
        {
            throw new FormatException($"plugins is not a list of 1 to {MaxPlugins} objects");
        }

        return [.. plugins.EnumerateArray()];
    }

    internal static string RequiredText(JsonElement parent, string key) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out var value)
            && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : throw new FormatException($"{key} is missing, or is no text");

    // CNI specification, section 1: the name of a network.
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,252}\z")]
    private static partial Regex NamePattern();
}

using System.Text.Json;
using Berth.Abstractions;
using Berth.Common;

namespace Berth.Cli;

/// <summary>Reads manifests, YAML or JSON (which is YAML), as JSON.</summary>
internal static class ManifestFile
{
    private const int LongestText = 1 << 20;

    /// <summary>Its documents that are objects; those of a List are its items.</summary>
    public static async Task<IReadOnlyList<JsonElement>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        using var reader = path == "-" ? Console.In : new StreamReader(path);
        var buffer = new char[LongestText + 1];
        var length = await reader.ReadBlockAsync(buffer, cancellationToken);
        return length <= LongestText
            ? Parse(new string(buffer, 0, length), path)
            : throw RuntimeException.InvalidArgument($"{path} has more than {LongestText} characters");
    }

    internal static IReadOnlyList<JsonElement> Parse(string text, string path) =>
        [.. YamlJson.Parse(text, path).Select(static d => JsonSerializer.SerializeToElement(d)).SelectMany(Items)];

    /// <summary>The first of the documents that has a spec: a pod or a workload.</summary>
    public static JsonElement PodOf(IReadOnlyList<JsonElement> documents, string path) =>
        documents.Where(static d => d.TryGetProperty("spec", out _)).Select(static d => (JsonElement?)d).FirstOrDefault()
            ?? throw RuntimeException.InvalidArgument($"{path}: there is no manifest with a spec in it");

    private static IEnumerable<JsonElement> Items(JsonElement document) =>
        document.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array && !document.TryGetProperty("spec", out _)
            ? items.EnumerateArray().Where(static i => i.ValueKind == JsonValueKind.Object)
            : [document];
}

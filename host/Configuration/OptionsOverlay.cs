using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Configuration;

/// <summary>Lays environment variables and flags over JSON whose meaning only a plugin knows, so that types stay as they are.</summary>
internal static class OptionsOverlay
{
    public static JsonElement Apply(JsonElement? file, IConfigurationSection over)
    {
        var below = file is { } element ? JsonSerializer.SerializeToNode(element) : new JsonObject();
        return JsonSerializer.SerializeToElement(Merge(below, over));
    }

    private static JsonNode? Merge(JsonNode? below, IConfigurationSection over)
    {
        var children = over.GetChildren().ToList();
        if (children.Count == 0)
        {
            return over.Value is { } text ? Typed(below, text) : below?.DeepClone();
        }

        return below is JsonArray || (below is not JsonObject && children.All(static c => Index(c) >= 0))
            ? MergeList(below as JsonArray, children)
            : MergeObject(below as JsonObject, children);
    }

    private static JsonObject MergeObject(JsonObject? below, List<IConfigurationSection> children)
    {
        var result = below?.DeepClone() as JsonObject ?? [];
        foreach (var child in children)
        {
            // Environment variables are mostly written in capitals.
            var name = result.Select(static p => p.Key).FirstOrDefault(k => k.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) ?? child.Key;
            result[name] = Merge(result[name], child);
        }

        return result;
    }

    private static JsonArray MergeList(JsonArray? below, List<IConfigurationSection> children)
    {
        var result = below?.DeepClone() as JsonArray ?? [];
        foreach (var child in children.OrderBy(Index))
        {
            if (Index(child) is var index && index >= 0 && index < result.Count)
            {
                result[index] = Merge(result[index], child);
            }
            else
            {
                result.Add(Merge(null, child));
            }
        }

        return result;
    }

    // A text stays a text; anything else takes what reads as JSON, else the text.
    private static JsonNode? Typed(JsonNode? below, string text)
    {
        if (below?.GetValueKind() == JsonValueKind.String)
        {
            return JsonValue.Create(text);
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static int Index(IConfigurationSection section) =>
        int.TryParse(section.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : -1;
}

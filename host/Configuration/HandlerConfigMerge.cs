using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Configuration;

/// <summary>A handler's options: the manifest's defaults with those of plugins.json over them.</summary>
public static class HandlerConfigMerge
{
    /// <summary>Objects are merged key by key, without regard to case; everything else is replaced whole. The result is an object.</summary>
    public static JsonElement Merge(JsonElement? manifest, JsonElement? configured)
    {
        var result = Node(manifest) as JsonObject ?? [];
        Over(result, Node(configured) as JsonObject ?? []);
        return JsonSerializer.SerializeToElement(result);
    }

    private static void Over(JsonObject below, JsonObject above)
    {
        foreach (var (key, value) in above)
        {
            var name = below.Select(static p => p.Key).FirstOrDefault(k => k.Equals(key, StringComparison.OrdinalIgnoreCase)) ?? key;
            if (below[name] is JsonObject lower && value is JsonObject upper)
            {
                Over(lower, upper);
            }
            else
            {
                below[name] = value?.DeepClone();
            }
        }
    }

    private static JsonNode? Node(JsonElement? element) => element is { } e ? JsonSerializer.SerializeToNode(e) : null;
}

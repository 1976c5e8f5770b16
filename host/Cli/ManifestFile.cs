using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

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

    internal static IReadOnlyList<JsonElement> Parse(string text, string path)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            var converter = new YamlToJson();
            return
            [
                .. stream.Documents.Select(static d => d.RootNode).OfType<YamlMappingNode>()
                    .Select(d => JsonSerializer.SerializeToElement(converter.Convert(d))).SelectMany(Items),
            ];
        }
        catch (YamlException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{path}: line {e.Start.Line}, column {e.Start.Column}: {e.Message}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // The parser's answers to some malformed block scalars and tags.
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{path}: it is neither YAML nor JSON", e);
        }
    }

    /// <summary>The first of the documents that has a spec: a pod or a workload.</summary>
    public static JsonElement PodOf(IReadOnlyList<JsonElement> documents, string path) =>
        documents.Where(static d => d.TryGetProperty("spec", out _)).Select(static d => (JsonElement?)d).FirstOrDefault()
            ?? throw RuntimeException.InvalidArgument($"{path}: there is no manifest with a spec in it");

    private static IEnumerable<JsonElement> Items(JsonElement document) =>
        document.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array && !document.TryGetProperty("spec", out _)
            ? items.EnumerateArray().Where(static i => i.ValueKind == JsonValueKind.Object)
            : [document];

    private sealed class YamlToJson
    {
        private const int MostNodes = 100_000, Deepest = 60;

        private int _nodes;

        public JsonNode? Convert(YamlNode node, int depth = 0)
        {
            // Aliases can make a small file mean a huge one, or one without end.
            if (++_nodes > MostNodes || depth > Deepest)
            {
                throw RuntimeException.InvalidArgument($"the manifest is too large or too deep (more than {MostNodes} nodes or {Deepest} levels)");
            }

            return node switch
            {
                YamlMappingNode map => new JsonObject(map.Children.Select(c => KeyValuePair.Create(Key(c.Key), Convert(c.Value, depth + 1)))),
                YamlSequenceNode list => new JsonArray([.. list.Children.Select(c => Convert(c, depth + 1))]),
                YamlScalarNode scalar => Scalar(scalar),
                _ => throw RuntimeException.InvalidArgument($"line {node.Start.Line}: a {node.NodeType} has no place in a manifest"),
            };
        }

        private static string Key(YamlNode node) => (node as YamlScalarNode)?.Value
            ?? throw RuntimeException.InvalidArgument($"line {node.Start.Line}: a key is not a text");

        // YAML 1.2 core schema for plain scalars; anything quoted is a text.
        private static JsonValue? Scalar(YamlScalarNode scalar)
        {
            var text = scalar.Value ?? "";
            if (scalar.Style != ScalarStyle.Plain)
            {
                return JsonValue.Create(text);
            }

            return text switch
            {
                "" or "~" or "null" or "Null" or "NULL" => null,
                "true" or "True" or "TRUE" => JsonValue.Create(true),
                "false" or "False" or "FALSE" => JsonValue.Create(false),
                _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
                _ when decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
                _ => JsonValue.Create(text),
            };
        }
    }
}

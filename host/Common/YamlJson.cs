using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Abstractions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Berth.Common;

/// <summary>Reads YAML, of which JSON is a part, as JSON.</summary>
internal static partial class YamlJson
{
    /// <summary>The documents of a text that are mappings.</summary>
    /// <exception cref="RuntimeException">It is no YAML, or too large or too deep.</exception>
    public static IReadOnlyList<JsonObject> Parse(string text, string path)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            var converter = new Converter(path);
            return [.. stream.Documents.Select(static d => d.RootNode).OfType<YamlMappingNode>().Select(m => (JsonObject)converter.Convert(m)!)];
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

    private sealed class Converter(string path)
    {
        private const int MostNodes = 100_000, Deepest = 60;

        private int _nodes;

        public JsonNode? Convert(YamlNode node, int depth = 0)
        {
            // Aliases can make a small file mean a huge one, or one without end.
            if (++_nodes > MostNodes || depth > Deepest)
            {
                throw RuntimeException.InvalidArgument($"{path}: it is too large or too deep (more than {MostNodes} nodes or {Deepest} levels)");
            }

            return node switch
            {
                YamlMappingNode map => new JsonObject(map.Children.Select(c => KeyValuePair.Create(Key(c.Key), Convert(c.Value, depth + 1)))),
                YamlSequenceNode list => new JsonArray([.. list.Children.Select(c => Convert(c, depth + 1))]),
                YamlScalarNode scalar => Scalar(scalar),
                _ => throw RuntimeException.InvalidArgument($"{path}: line {node.Start.Line}: a {node.NodeType} has no place here"),
            };
        }

        private string Key(YamlNode node) => (node as YamlScalarNode)?.Value
            ?? throw RuntimeException.InvalidArgument($"{path}: line {node.Start.Line}: a key is not a text");

        // YAML 1.2 core schema for plain scalars, with YAML 1.1's octal numbers, as Kubernetes reads modes; anything quoted is a text.
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
                _ when OctalPattern().Match(text) is { Success: true } octal => JsonValue.Create(System.Convert.ToInt64(octal.Groups[1].Value, 8)),
                _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
                _ when decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
                _ => JsonValue.Create(text),
            };
        }
    }

    [GeneratedRegex(@"\A0o?([0-7]{1,20})\z")]
    private static partial Regex OctalPattern();
}

using System.Security.Cryptography;
using System.Text.Json;

namespace Berth.Configuration;

/// <summary>plugins.json as it was written: JSON with comments and trailing commas. Keys are compared without case.</summary>
internal sealed class ConfigurationFile
{
    private const int LargestBytes = 1 << 20;

    private ConfigurationFile(string path, string print, byte[] json)
    {
        (Path, Print) = (path, print);
        Json = json;
        using var document = JsonDocument.Parse(json);
        Root = document.RootElement.Clone();
    }

    public string Path { get; }

    /// <summary>The SHA-256 of the file, as <see cref="PrintOf"/> gives it.</summary>
    public string Print { get; }

    /// <summary>The content without comments and repeated keys.</summary>
    public byte[] Json { get; }

    public JsonElement Root { get; }

    /// <summary>Reads the file; repeated keys are added to the errors, and the first of them counts.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or is not JSON.</exception>
    public static ConfigurationFile Read(string path, List<string> errors)
    {
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 32 };
            var content = ReadBounded(path);
            using var document = JsonDocument.Parse(content, options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ConfigurationException(path, ["the content is not an object: it has to begin with '{'"]);
            }

            return new(path, Convert.ToHexStringLower(SHA256.HashData(content)), Normalise(document.RootElement, errors));
        }
        catch (JsonException e)
        {
            throw new ConfigurationException(path, [$"line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}: {WithoutPosition(e.Message)}"]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(path, [$"cannot be read: {e.Message}"]);
        }
    }

    /// <summary>Tells whether the file is still the one that was read; for one that cannot be read, why.</summary>
    public static string PrintOf(string path)
    {
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(ReadBounded(path)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static byte[] ReadBounded(string path)
    {
        using var file = File.OpenRead(path);
        return file.Length <= LargestBytes
            ? File.ReadAllBytes(path)
            : throw new IOException($"it has {file.Length} bytes, more than {LargestBytes}");
    }

    private static byte[] Normalise(JsonElement root, List<string> errors)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Copy(root, "", writer, errors);
        }

        return buffer.ToArray();
    }

    private static void Copy(JsonElement element, string path, Utf8JsonWriter writer, List<string> errors)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                CopyObject(element, path, writer, errors);
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                var index = 0;
                foreach (var item in element.EnumerateArray())
                {
                    Copy(item, $"{path}[{index++}]", writer, errors);
                }

                writer.WriteEndArray();
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }

    private static void CopyObject(JsonElement element, string path, Utf8JsonWriter writer, List<string> errors)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        writer.WriteStartObject();
        foreach (var property in element.EnumerateObject())
        {
            var below = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            if (property.Name.Contains(':') || property.Name.Length == 0)
            {
                // ':' separates the levels in Microsoft.Extensions.Configuration.
                errors.Add($"{below}: a key cannot be empty or hold ':'");
            }
            else if (!seen.Add(property.Name))
            {
                errors.Add($"{below}: the key is there twice");
            }
            else
            {
                writer.WritePropertyName(property.Name);
                Copy(property.Value, below, writer, errors);
            }
        }

        writer.WriteEndObject();
    }

    private static string WithoutPosition(string message)
    {
        var at = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return at < 0 ? message : message[..at];
    }
}

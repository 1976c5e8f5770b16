using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>JSON of this plugin: options, the gateway's records, the files of a pod.</summary>
internal static class RktJson
{
    // By reflection: generated code would not keep the initial values of properties that are left out.
    public static JsonSerializerOptions Settings { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = JsonNumberHandling.Strict,
        PropertyNameCaseInsensitive = false,
        RespectNullableAnnotations = true,
    };

    /// <summary>Writes a file whole or not at all.</summary>
    public static void WriteFile<T>(string path, T value)
    {
        var temporary = path + ".new";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(value, Settings));
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Reads a file of <see cref="WriteFile"/>; null if it is not there.</summary>
    public static T? ReadFile<T>(string path)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), Settings);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.DataLoss, $"{path} is not what the handler wrote: {e.Message}; remove the pod", e);
        }
    }
}

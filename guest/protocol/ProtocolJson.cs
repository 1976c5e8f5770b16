using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Berth.Guest.Protocol;

/// <summary>The messages as JSON. Members that a reader does not know are passed over, so members can be added.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 16)]
[JsonSerializable(typeof(Hello))]
[JsonSerializable(typeof(Welcome))]
[JsonSerializable(typeof(GuestRequest))]
[JsonSerializable(typeof(GuestResponse))]
[JsonSerializable(typeof(GuestExit))]
public sealed partial class ProtocolJson : JsonSerializerContext
{
    /// <summary>As bytes.</summary>
    public static byte[] Write<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    /// <summary>From bytes.</summary>
    /// <exception cref="InvalidDataException">They are not such a message.</exception>
    public static T Read<T>(ReadOnlySpan<byte> bytes, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw new InvalidDataException($"{typeof(T).Name}: null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{typeof(T).Name}: {e.Message}", e);
        }
    }
}

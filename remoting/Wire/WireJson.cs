using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Berth.Remoting.Wire;

/// <summary>
/// How messages become JSON. Generated code, for a small process that starts quickly: every member that can be null is left out
/// when it is, every other is always there, so nothing depends on defaults. What another program leaves out becomes null here, whatever
/// its type: see <see cref="Client.AnswerChecks"/>.
/// </summary>
[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    MaxDepth = 64)]
[JsonSerializable(typeof(WireRequest))]
[JsonSerializable(typeof(WireAnswer))]
public sealed partial class WireJson : JsonSerializerContext
{
    public static byte[] Write(WireRequest request) => JsonSerializer.SerializeToUtf8Bytes(request, Default.WireRequest);

    public static byte[] Write(WireAnswer answer) => JsonSerializer.SerializeToUtf8Bytes(answer, Default.WireAnswer);

    /// <exception cref="InvalidDataException">It is no request.</exception>
    public static WireRequest ReadRequest(ReadOnlySpan<byte> json) => Read(json, Default.WireRequest);

    /// <exception cref="InvalidDataException">It is no answer.</exception>
    public static WireAnswer ReadAnswer(ReadOnlySpan<byte> json) => Read(json, Default.WireAnswer);

    private static T Read<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new InvalidDataException("a message is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"a message cannot be read: {e.Message}", e);
        }
    }
}

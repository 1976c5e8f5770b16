using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Containers.Spec;

/// <summary>The OCI records as compact JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OciSpec))]
public sealed partial class OciJson : JsonSerializerContext
{
    public static byte[] Write(OciSpec spec) => JsonSerializer.SerializeToUtf8Bytes(spec, Default.OciSpec);

    public static byte[] Write(OciProcess process) => JsonSerializer.SerializeToUtf8Bytes(process, Default.OciProcess);

    public static byte[] Write(OciResources resources) => JsonSerializer.SerializeToUtf8Bytes(resources, Default.OciResources);

    /// <summary>Reads a config.json that the gateway itself has written.</summary>
    public static OciSpec ReadSpec(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, Default.OciSpec) ?? throw new JsonException("config.json is null");
}

using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>plugin.json as JSON: camelCase names, dashed values, nothing unknown, nothing twice, nothing null.</summary>
internal static class PluginManifestJson
{
    // By reflection: the generated serialiser sets every init-only member, and so loses the defaults of those not given.
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { Dashed<PluginIsolation>(), Dashed<RootfsForm>() },
    };

    // InProcess is written in-process; numbers are not taken.
    private static JsonStringEnumConverter<T> Dashed<T>()
        where T : struct, Enum => new(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false);
}

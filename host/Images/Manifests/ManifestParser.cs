using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Images.Manifests;

/// <summary>
/// Reads manifests and indexes. What could be read as two things is refused (CVE-2021-41190), as are forms that nobody
/// should use any more, and layers that would be fetched from a host that the manifest names.
/// </summary>
internal static class ManifestParser
{
    private const int MostLayers = 500; // OVL_MAX_STACK of the kernel
    private const long LargestConfigBytes = 8 * 1024 * 1024;

    /// <param name="json">The document.</param>
    /// <param name="mediaType">What whoever gave it says that it is; null for nothing.</param>
    /// <param name="image">The image's name for messages.</param>
    public static ManifestDocument Parse(ReadOnlySpan<byte> json, string? mediaType, string image)
    {
        ManifestFile file;
        try
        {
            file = JsonSerializer.Deserialize(json, ManifestJson.Default.ManifestFile) ?? new();
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"image {image}: its manifest is malformed: {e.Message}", e);
        }

        if (file.SchemaVersion == 1 || file.FsLayers is not null || MediaTypes.IsSchema1(mediaType))
        {
            throw Refused(image, "its manifest has the form of Docker before 1.10 (schema 1), which cannot be verified; push it again with a present tool");
        }

        var isIndex = IsIndex(file, mediaType, image);
        return file.SchemaVersion != 2 ? throw Refused(image, $"its manifest has the unknown schema version {file.SchemaVersion}")
            : isIndex ? ToIndex(file, image) : ToManifest(file, image);
    }

    private static bool IsIndex(ManifestFile file, string? mediaType, string image)
    {
        var said = MediaTypes.IsManifest(mediaType) || MediaTypes.IsIndex(mediaType) ? mediaType : null;
        if (file.MediaType is { Length: > 0 } own && said is not null && own != said)
        {
            throw Refused(image, $"its manifest says that it is {own}, but was given as {said}");
        }

        var type = string.IsNullOrEmpty(file.MediaType) ? said : file.MediaType;
        if (type is not null && !MediaTypes.IsManifest(type) && !MediaTypes.IsIndex(type))
        {
            throw Refused(image, $"{type} is no manifest of an image");
        }

        var (hasManifests, hasLayers) = (file.Manifests is not null, file.Layers is not null || file.Config is not null);
        if (hasManifests == hasLayers || (type is not null && hasManifests != MediaTypes.IsIndex(type)))
        {
            throw Refused(image, "its manifest could be read as an image or as an index of images, or as neither");
        }

        return hasManifests;
    }

    private static ManifestIndex ToIndex(ManifestFile file, string image) => new([.. file.Manifests!.Select(m => new ManifestIndexEntry(
        ToDescriptor(m, image),
        m.Platform is { } p ? new(p.Os ?? "", p.Architecture ?? "", p.Variant ?? "") : null,
        m.Annotations ?? []))]);

    private static Manifest ToManifest(ManifestFile file, string image)
    {
        if (file.Config is null || file.Layers is null)
        {
            throw Refused(image, "its manifest has no configuration or no list of layers");
        }

        var config = ToDescriptor(file.Config, image);
        if (!MediaTypes.IsImageConfig(config.MediaType))
        {
            throw Refused(image, $"it is no container image but {config.MediaType}");
        }

        if (config.SizeBytes > LargestConfigBytes)
        {
            throw Refused(image, $"its configuration of {config.SizeBytes} bytes is over the limit of {LargestConfigBytes}");
        }

        return file.Layers.Count <= MostLayers
            ? new(config, [.. file.Layers.Select(l => ToLayer(l, image))])
            : throw Refused(image, $"it has {file.Layers.Count} layers, and overlayfs takes {MostLayers}");
    }

    private static Descriptor ToLayer(DescriptorFile file, string image)
    {
        var layer = ToDescriptor(file, image);
        if (MediaTypes.IsForeignLayer(layer.MediaType) || file.Urls is { Count: > 0 })
        {
            throw Refused(image, $"its layer {layer.Digest} would come from another server than the registry, which is not allowed; push it with all its layers");
        }

        return MediaTypes.IsLayer(layer.MediaType) ? layer : throw Refused(image, $"its layer {layer.Digest} is of the unknown type {layer.MediaType}");
    }

    private static Descriptor ToDescriptor(DescriptorFile file, string image) =>
        !Digest.TryParse(file.Digest, out var digest) ? throw Refused(image, $"its manifest names '{file.Digest}', which is no digest of sha256 or sha512")
            : file.Size < 0 ? throw Refused(image, $"its manifest gives {digest} a negative length")
            : new(file.MediaType ?? "", digest, file.Size);

    private static RuntimeException Refused(string image, string reason) => RuntimeException.InvalidArgument($"image {image}: {reason}");
}

internal sealed record ManifestFile
{
    public int SchemaVersion { get; init; }

    public string? MediaType { get; init; }

    public DescriptorFile? Config { get; init; }

    public List<DescriptorFile>? Layers { get; init; }

    public List<DescriptorFile>? Manifests { get; init; }

    public JsonElement? FsLayers { get; init; }
}

internal sealed record DescriptorFile
{
    public string? MediaType { get; init; }

    public string? Digest { get; init; }

    public long Size { get; init; }

    public List<string>? Urls { get; init; }

    public PlatformFile? Platform { get; init; }

    public Dictionary<string, string>? Annotations { get; init; }
}

internal sealed record PlatformFile
{
    public string? Os { get; init; }

    public string? Architecture { get; init; }

    public string? Variant { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false, MaxDepth = 32)]
[JsonSerializable(typeof(ManifestFile))]
internal sealed partial class ManifestJson : JsonSerializerContext;

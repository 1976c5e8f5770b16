using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;
using Berth.Images.Layers;

namespace Berth.Images.Archives;

/// <summary>Reads what <c>docker save</c> writes (moby's image specification 1.2, "Combined Image JSON + Filesystem Changeset Format").</summary>
internal static class DockerArchive
{
    public const string Index = "manifest.json";

    private const int LargestIndexBytes = 4 * 1024 * 1024, LargestConfigBytes = 8 * 1024 * 1024;

    public static async Task<IReadOnlyList<ArchivedImage>> ReadAsync(IImageArchive archive, CancellationToken cancellationToken)
    {
        var images = new List<ArchivedImage>();
        foreach (var item in Parse(await archive.ReadAsync(Index, LargestIndexBytes, cancellationToken), archive.Name))
        {
            images.Add(await ReadAsync(archive, item, cancellationToken));
        }

        return images;
    }

    private static async Task<ArchivedImage> ReadAsync(IImageArchive archive, DockerArchiveItem item, CancellationToken cancellationToken)
    {
        var path = item.Config ?? throw RuntimeException.InvalidArgument($"{archive.Name}: an image in {Index} has no configuration");
        var content = await archive.ReadAsync(path, LargestConfigBytes, cancellationToken);
        if (Digest.TryParse($"sha256:{Path.GetFileNameWithoutExtension(path)}", out var digest) && !digest.Matches(content))
        {
            throw new RuntimeException(RuntimeErrorCode.DataLoss, $"{archive.Name}: {path} is not what its name says; the archive is broken");
        }

        var config = ImageConfig.Parse(content, archive.Name);
        var layers = item.Layers ?? [];
        if (layers.Count != config.DiffIds.Count)
        {
            throw RuntimeException.InvalidArgument($"{archive.Name}: an image in {Index} has {layers.Count} layers, but its configuration {config.DiffIds.Count}");
        }

        var chain = LayerBlob.Chain(config.DiffIds);
        return new()
        {
            Config = content,
            Layers = [.. config.DiffIds.Select((diffId, i) => new LayerBlob(null, -1, diffId, chain[i]))],
            LayerPaths = layers,
            Names = [.. (item.RepoTags ?? []).Select(ImageReference.Parse)],
        };
    }

    private static List<DockerArchiveItem> Parse(byte[] content, string name)
    {
        try
        {
            return JsonSerializer.Deserialize(content, DockerArchiveJson.Default.ListDockerArchiveItem) ?? [];
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{name}: {Index} is malformed: {e.Message}", e);
        }
    }
}

internal sealed record DockerArchiveItem
{
    public string? Config { get; init; }

    public List<string>? RepoTags { get; init; }

    public List<string>? Layers { get; init; }
}

[JsonSourceGenerationOptions(AllowDuplicateProperties = false, MaxDepth = 32)]
[JsonSerializable(typeof(List<DockerArchiveItem>))]
internal sealed partial class DockerArchiveJson : JsonSerializerContext;

using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Images.Manifests;

namespace Berth.Images.Archives;

/// <summary>Reads an OCI image layout (OCI image specification, image-layout.md).</summary>
internal static class OciLayout
{
    public const string Index = "index.json";

    private const string FullName = "io.containerd.image.name", RefName = "org.opencontainers.image.ref.name";
    private const int LargestManifestBytes = 4 * 1024 * 1024, LargestConfigBytes = 8 * 1024 * 1024;

    public static async Task<IReadOnlyList<ArchivedImage>> ReadAsync(IImageArchive archive, CancellationToken cancellationToken)
    {
        var content = await archive.ReadAsync(Index, LargestManifestBytes, cancellationToken);
        var index = ManifestParser.Parse(content, MediaTypes.OciIndex, archive.Name) as ManifestIndex
            ?? throw RuntimeException.InvalidArgument($"{archive.Name}: {Index} is no index");
        var named = index.Entries.Where(static e => NameOf(e) is not null).ToList();
        var images = new List<ArchivedImage>();
        // Without names, the index is one image for several platforms.
        foreach (var entry in named.Count > 0 ? named : [PlatformChoice.Choose(index, archive.Name)])
        {
            images.Add(await ReadAsync(archive, entry, cancellationToken));
        }

        return images;
    }

    private static async Task<ArchivedImage> ReadAsync(IImageArchive archive, ManifestIndexEntry entry, CancellationToken cancellationToken)
    {
        var descriptor = entry.Descriptor;
        var content = await ReadBlobAsync(archive, descriptor.Digest, LargestManifestBytes, cancellationToken);
        var document = ManifestParser.Parse(content, descriptor.MediaType, archive.Name);
        if (document is ManifestIndex index)
        {
            descriptor = PlatformChoice.Choose(index, archive.Name).Descriptor;
            content = await ReadBlobAsync(archive, descriptor.Digest, LargestManifestBytes, cancellationToken);
            document = ManifestParser.Parse(content, descriptor.MediaType, archive.Name);
        }

        var manifest = document as Manifest ?? throw RuntimeException.InvalidArgument($"{archive.Name}: its indexes lead to further indexes");
        var config = await ReadBlobAsync(archive, manifest.Config.Digest, LargestConfigBytes, cancellationToken);
        return new()
        {
            Config = config,
            Manifest = content,
            ManifestDigest = entry.Descriptor.Digest,
            Layers = LayerList.Match(manifest.Layers, ImageConfig.Parse(config, archive.Name), archive.Name),
            LayerPaths = [.. manifest.Layers.Select(static l => BlobPath(l.Digest))],
            Names = NameOf(entry) is { } name ? [name] : [],
        };
    }

    private static async Task<byte[]> ReadBlobAsync(IImageArchive archive, Digest digest, int limit, CancellationToken cancellationToken)
    {
        var content = await archive.ReadAsync(BlobPath(digest), limit, cancellationToken);
        return digest.Matches(content) ? content
            : throw new RuntimeException(RuntimeErrorCode.DataLoss, $"{archive.Name}: {BlobPath(digest)} is not what its name says; the archive is broken");
    }

    private static string BlobPath(Digest digest) => $"blobs/{digest.Value.Replace(':', '/')}";

    // Many tools write the tag alone as the reference's name; that names no image.
    private static ImageReference? NameOf(ManifestIndexEntry entry) =>
        entry.Annotations.TryGetValue(FullName, out var full) ? ImageReference.TryParse(full)
            : entry.Annotations.TryGetValue(RefName, out var name) && name.AsSpan().ContainsAny('/', ':') ? ImageReference.TryParse(name) : null;
}

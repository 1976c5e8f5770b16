using Berth.Abstractions;
using Berth.Images.Archives;

namespace Berth.Images;

/// <summary>Takes images from files: an OCI layout (a folder, or a tar archive of one) or the archive of <c>docker save</c>.</summary>
public sealed class ImageImporter(ImageFolders folders, LayerStore layers, ImageStore images, ILogger<ImageImporter> logger)
{
    /// <summary>Imports all images that the files hold.</summary>
    /// <param name="path">A folder or a file, which may be compressed.</param>
    /// <param name="name">A name for the one image, instead of those in the files; null keeps those.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RuntimeException">InvalidArgument: it is no such thing; DataLoss: its content is not what it says.</exception>
    public async Task<IReadOnlyList<ImageModel>> ImportAsync(string path, string? name, CancellationToken cancellationToken)
    {
        var wanted = name is null ? null : ImageReference.Parse(name);
        var unpacked = Path.Combine(folders.Ingest, Guid.NewGuid().ToString("N"));
        try
        {
            using var archive = await OpenAsync(path, unpacked, cancellationToken);
            var found = await ReadAsync(archive, cancellationToken);
            if (wanted is not null && found.Count != 1)
            {
                throw RuntimeException.InvalidArgument($"{path} holds {found.Count} images, which cannot all be called {wanted}; leave the name out");
            }

            var imported = new List<ImageModel>();
            foreach (var image in found)
            {
                imported.Add(await StoreAsync(archive, wanted is null ? image : image with { Names = [wanted] }, cancellationToken));
            }

            return imported;
        }
        finally
        {
            File.Delete(unpacked);
        }
    }

    private static async Task<IImageArchive> OpenAsync(string path, string unpacked, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path))
        {
            return new FolderArchive(path);
        }

        if (!File.Exists(path))
        {
            throw RuntimeException.NotFound($"{path} does not exist");
        }

        var plain = await ArchiveCompression.DecompressAsync(path, unpacked, cancellationToken) ? unpacked : path;
        return await TarArchive.OpenAsync(plain, path, cancellationToken);
    }

    private static async Task<IReadOnlyList<ArchivedImage>> ReadAsync(IImageArchive archive, CancellationToken cancellationToken)
    {
        // Docker since 25 writes both forms; its own has all the names.
        if (Has(archive, DockerArchive.Index))
        {
            return await DockerArchive.ReadAsync(archive, cancellationToken);
        }

        return Has(archive, OciLayout.Index)
            ? await OciLayout.ReadAsync(archive, cancellationToken)
            : throw RuntimeException.InvalidArgument($"{archive.Name} holds neither {DockerArchive.Index} (docker save) nor {OciLayout.Index} (OCI layout)");
    }

    private static bool Has(IImageArchive archive, string path)
    {
        using var file = archive.Open(path);
        return file is not null;
    }

    private async Task<ImageModel> StoreAsync(IImageArchive archive, ArchivedImage image, CancellationToken cancellationToken)
    {
        var paths = new Dictionary<Digest, string>();
        for (var i = 0; i < image.Layers.Count; i++)
        {
            paths[image.Layers[i].ChainId] = image.LayerPaths[i];
        }

        using var lease = await layers.EnsureAsync(image.Layers, new ArchiveLayers(archive, paths), cancellationToken);
        var names = image.Names.Select(static n => n.Name);
        var stored = images.Put(new()
        {
            Id = Digest.Of(image.Config),
            Config = image.Config,
            Manifest = image.Manifest,
            ManifestDigest = image.ManifestDigest,
            LayerIds = lease.Ids,
            Names = [.. (image.ManifestDigest is { } digest ? names.Concat(image.Names.Select(n => n.NameOf(digest))) : names).Distinct()],
        });
        logger.Imported(stored.RepoTags.FirstOrDefault(stored.Id), archive.Name, stored.Id);
        return stored;
    }
}

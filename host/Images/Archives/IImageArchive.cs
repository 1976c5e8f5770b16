using Berth.Abstractions;
using Berth.Images.Layers;

namespace Berth.Images.Archives;

/// <summary>Files of images by their path: a folder, or a tar archive.</summary>
internal interface IImageArchive : IDisposable
{
    /// <summary>Where it is, for messages.</summary>
    string Name { get; }

    /// <summary>Opens a regular file, or null if there is none.</summary>
    Stream? Open(string path);
}

internal static class ImageArchiveReading
{
    /// <summary>A small file whole.</summary>
    /// <exception cref="RuntimeException">It is missing or too large: InvalidArgument.</exception>
    public static async Task<byte[]> ReadAsync(this IImageArchive archive, string path, int limit, CancellationToken cancellationToken)
    {
        await using var stream = archive.Open(path) ?? throw RuntimeException.InvalidArgument($"{archive.Name}: the file {path} is missing");
        var content = new MemoryStream();
        var buffer = new byte[32 * 1024];
        while (await stream.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            content.Write(buffer, 0, count);
            if (content.Length > limit)
            {
                throw RuntimeException.InvalidArgument($"{archive.Name}: the file {path} is over the limit of {limit} bytes");
            }
        }

        return content.ToArray();
    }
}

/// <summary>Layers by their files in an archive.</summary>
internal sealed class ArchiveLayers(IImageArchive archive, IReadOnlyDictionary<Digest, string> pathsByChain) : IBlobSource
{
    public Task<Stream> OpenBlobAsync(LayerBlob blob, CancellationToken cancellationToken) =>
        Task.FromResult(archive.Open(pathsByChain[blob.ChainId])
            ?? throw RuntimeException.InvalidArgument($"{archive.Name}: the layer {pathsByChain[blob.ChainId]} is missing"));
}

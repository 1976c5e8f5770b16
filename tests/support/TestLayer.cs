using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Berth.Cli.Up;

namespace Berth.Tests.Support;

/// <summary>A layer as a registry stores it.</summary>
/// <param name="Blob">The bytes sent.</param>
/// <param name="MediaType">What they are.</param>
/// <param name="DiffId">The digest of the tar within.</param>
public sealed record TestLayer(byte[] Blob, string MediaType, string DiffId)
{
    public string Digest { get; } = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Blob));

    /// <summary>The machine's busybox with all its commands.</summary>
    public static async Task<TestLayer> BusyboxAsync()
    {
        using var tar = new MemoryStream();
        await BusyboxLayer.WriteAsync(tar, Busybox.Path, CancellationToken.None);
        return FromTar(tar.ToArray());
    }

    /// <summary>A layer of regular files.</summary>
    public static TestLayer Files(params (string Name, string Content)[] files) =>
        Of([.. files.Select(static f => File(f.Name, f.Content))]);

    public static TestLayer Of(params TarEntry[] entries) => FromTar(Tar(entries));

    public static TestLayer FromTar(byte[] tar, LayerCompression compression = LayerCompression.Gzip)
    {
        var diffId = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(tar));
        return compression switch
        {
            LayerCompression.None => new(tar, "application/vnd.oci.image.layer.v1.tar", diffId),
            LayerCompression.Zstd => new(Zstd(tar), "application/vnd.oci.image.layer.v1.tar+zstd", diffId),
            _ => new(Gzip(tar), "application/vnd.oci.image.layer.v1.tar+gzip", diffId),
        };
    }

    public static byte[] Tar(params TarEntry[] entries)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (var entry in entries)
            {
                tar.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    public static TarEntry File(string name, string content, UnixFileMode mode = (UnixFileMode)0b110_100_100) =>
        new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = mode, DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) };

    public static TarEntry Folder(string name, UnixFileMode mode = (UnixFileMode)0b111_101_101) =>
        new PaxTarEntry(TarEntryType.Directory, name) { Mode = mode };

    public static TarEntry Symlink(string name, string target) => new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target };

    public static TarEntry Hardlink(string name, string target) => new PaxTarEntry(TarEntryType.HardLink, name) { LinkName = target };

    private static byte[] Gzip(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(content);
        }

        return compressed.ToArray();
    }

    private static byte[] Zstd(byte[] content)
    {
        using var compressor = new ZstdSharp.Compressor(3);
        return compressor.Wrap(content).ToArray();
    }
}

public enum LayerCompression
{
    Gzip,
    Zstd,
    None,
}

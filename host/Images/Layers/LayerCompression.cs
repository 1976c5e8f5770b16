using System.IO.Compression;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Berth.Images.Layers;

/// <summary>Finds a layer's compression by its first bytes: media types of old images often say another.</summary>
internal static class LayerCompression
{
    // 128 MiB, what zstd itself takes without being asked (ZSTD_WINDOWLOG_LIMIT_DEFAULT); a frame may claim 2 GiB.
    private const int LargestZstdWindowLog = 27;

    /// <summary>The plain archive; the caller keeps <paramref name="source"/>.</summary>
    public static async Task<Stream> OpenAsync(DigestStream source, CancellationToken cancellationToken)
    {
        var magic = await source.PeekAsync(6, cancellationToken);
        return magic.Span switch
        {
            [0x1F, 0x8B, ..] => new GZipStream(source, CompressionMode.Decompress, leaveOpen: true),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => OpenZstd(source),
            [(byte)'B', (byte)'Z', (byte)'h', ..] => throw Unknown("bzip2"),
            [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0] => throw Unknown("xz"),
            _ => new UnownedStream(source),
        };
    }

    private static DecompressionStream OpenZstd(Stream source)
    {
        var stream = new DecompressionStream(source, bufferSize: 128 * 1024, leaveOpen: true);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, LargestZstdWindowLog);
        return stream;
    }

    private static InvalidDataException Unknown(string name) => new($"the layer is compressed with {name}; images have gzip, zstd or none");

    // Disposing of the archive must not dispose of what it is read from, in any form.
    private sealed class UnownedStream(Stream inner) : ReadOnlyStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer, cancellationToken);
    }
}

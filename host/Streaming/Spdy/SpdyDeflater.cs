using System.IO.Compression;

namespace Berth.Streaming.Spdy;

/// <summary>Deflates the header blocks of one direction: one zlib stream, flushed at each block. It asks for no dictionary, which peers allow.</summary>
internal sealed class SpdyDeflater : IDisposable
{
    private readonly MemoryStream _output = new();
    private readonly ZLibStream _deflate;

    public SpdyDeflater() => _deflate = new(_output, CompressionLevel.Fastest, leaveOpen: true);

    public byte[] Deflate(ReadOnlySpan<byte> block)
    {
        _output.SetLength(0);
        _deflate.Write(block);
        _deflate.Flush();
        return _output.ToArray();
    }

    public void Dispose()
    {
        _deflate.Dispose();
        _output.Dispose();
    }
}

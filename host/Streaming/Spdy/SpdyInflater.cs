using System.Buffers.Binary;
using System.IO.Compression;

namespace Berth.Streaming.Spdy;

/// <summary>
/// Inflates the header blocks of one direction, which are one zlib stream with a preset dictionary. The library has no such
/// dictionaries, but to a raw deflate stream a dictionary is what was inflated before: so a stored block (RFC 1951, 3.2.4)
/// with its bytes goes first, and the zlib head is taken off.
/// </summary>
internal sealed class SpdyInflater : IDisposable
{
    private const int FlagDictionary = 0x20;
    private readonly Feed _feed = new();
    private readonly DeflateStream _inflate;
    private bool _begun;

    public SpdyInflater() => _inflate = new(_feed, CompressionMode.Decompress);

    /// <summary>Inflates one block.</summary>
    /// <exception cref="SpdyException">It is none, or larger than allowed.</exception>
    public byte[] Inflate(ReadOnlySpan<byte> block, int maxBytes)
    {
        if (!_begun)
        {
            _begun = true;
            block = block[Begin(block)..];
        }

        _feed.Set(block.ToArray());
        return Drain(maxBytes);
    }

    public void Dispose() => _inflate.Dispose();

    // The head is two bytes, and four more if it asks for a dictionary; the bytes to skip.
    private int Begin(ReadOnlySpan<byte> block)
    {
        if (block.Length < 2 || (block[0] & 0x0F) != 8 || BinaryPrimitives.ReadUInt16BigEndian(block) % 31 != 0)
        {
            throw new SpdyException("the headers are no zlib stream");
        }

        if ((block[1] & FlagDictionary) == 0)
        {
            return 2;
        }

        if (block.Length < 6 || BinaryPrimitives.ReadUInt32BigEndian(block[2..]) != SpdyDictionary.Adler32)
        {
            throw new SpdyException("the headers ask for an unknown dictionary");
        }

        var dictionary = SpdyDictionary.Bytes.Span;
        var stored = new byte[5 + dictionary.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(stored.AsSpan(1), (ushort)dictionary.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(stored.AsSpan(3), (ushort)~dictionary.Length);
        dictionary.CopyTo(stored.AsSpan(5));
        _feed.Set(stored);
        _ = Drain(dictionary.Length);
        return 6;
    }

    private byte[] Drain(int maxBytes)
    {
        using var result = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            while (_inflate.Read(buffer) is var count and > 0)
            {
                result.Write(buffer, 0, count);
                if (result.Length > maxBytes)
                {
                    throw new SpdyException($"the headers are larger than {maxBytes} bytes");
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new SpdyException($"the headers do not inflate: {e.Message}");
        }

        return result.ToArray();
    }

    // Gives what it has; no bytes mean "not yet", which DeflateStream takes for a pause.
    private sealed class Feed : Stream
    {
        private ReadOnlyMemory<byte> _bytes;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void Set(ReadOnlyMemory<byte> bytes) => _bytes = bytes;

        public override int Read(Span<byte> buffer)
        {
            var count = Math.Min(buffer.Length, _bytes.Length);
            _bytes.Span[..count].CopyTo(buffer);
            _bytes = _bytes[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

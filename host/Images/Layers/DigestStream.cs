using System.Buffers;
using System.Security.Cryptography;

namespace Berth.Images.Layers;

/// <summary>Passes a stream on and hashes every byte of it once, in large pieces; small reads come from its own buffer.</summary>
internal sealed class DigestStream(Stream inner, HashAlgorithmName algorithm) : ReadOnlyStream
{
    private const int BufferBytes = 128 * 1024;
    private const int LargeRead = 16 * 1024;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(algorithm);
    private byte[]? _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _start, _end;

    /// <summary>Bytes that came from the stream below.</summary>
    public long BytesSeen { get; private set; }

    /// <summary>The first bytes, fewer only at the stream's end; they stay to be read.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            var read = await ReadBelowAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                break;
            }

            _end += read;
        }

        return _buffer.AsMemory(_start, Math.Min(count, _end - _start));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start == _end)
        {
            if (buffer.Length >= LargeRead)
            {
                return await ReadBelowAsync(buffer, cancellationToken);
            }

            (_start, _end) = (0, await ReadBelowAsync(_buffer, cancellationToken));
        }

        var count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsMemory(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    /// <summary>Reads what is left, and gives the digest of all.</summary>
    public async Task<Digest> FinishAsync(CancellationToken cancellationToken)
    {
        while (await ReadBelowAsync(_buffer, cancellationToken) > 0)
        {
        }

        return Digest.FromHash(algorithm, _hash.GetHashAndReset());
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && _buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
            _hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadBelowAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        _hash.AppendData(buffer.Span[..count]);
        BytesSeen += count;
        return count;
    }
}

using System.Buffers;
using System.Buffers.Binary;

namespace Berth.Streaming.Spdy;

/// <summary>Writes frames, one at a time; a write waits while the client does not read.</summary>
internal sealed class SpdyWriter(Stream transport) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SpdyDeflater _deflater = new();

    public Task DataAsync(uint id, ReadOnlyMemory<byte> bytes, bool fin, CancellationToken cancellationToken) =>
        WriteAsync(() => Frame(id, fin ? SpdyWire.Fin : (byte)0, bytes.Span), cancellationToken);

    public Task ReplyAsync(uint id, CancellationToken cancellationToken) => WriteAsync(
        () => Control(SpdyWire.SynReply, [.. Number(id), .. _deflater.Deflate(SpdyHeaders.Format(new Dictionary<string, string>()))]), cancellationToken);

    public Task ResetAsync(uint id, uint status, CancellationToken cancellationToken) =>
        WriteAsync(() => Control(SpdyWire.RstStream, [.. Number(id), .. Number(status)]), cancellationToken);

    public Task PingAsync(uint id, CancellationToken cancellationToken) => WriteAsync(() => Control(SpdyWire.Ping, Number(id)), cancellationToken);

    public Task GoAwayAsync(uint lastId, uint status, CancellationToken cancellationToken) =>
        WriteAsync(() => Control(SpdyWire.GoAway, [.. Number(lastId), .. Number(status)]), cancellationToken);

    public void Dispose()
    {
        _turn.Dispose();
        _deflater.Dispose();
    }

    // The frame is made when its turn comes: header blocks are one compressed stream, and their order on the wire counts.
    private async Task WriteAsync(Func<ArraySegment<byte>> frame, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var bytes = frame();
            // Half a frame would be the end of every other stream, so only the connection's own end stops it here.
            await transport.WriteAsync(bytes, CancellationToken.None);
            ArrayPool<byte>.Shared.Return(bytes.Array!);
        }
        finally
        {
            _turn.Release();
        }
    }

    private static ArraySegment<byte> Control(ushort type, ReadOnlySpan<byte> body) => Frame(0x80000000u | (uint)SpdyWire.Version << 16 | type, 0, body);

    private static ArraySegment<byte> Frame(uint first, byte flags, ReadOnlySpan<byte> body)
    {
        var frame = ArrayPool<byte>.Shared.Rent(SpdyWire.HeadBytes + body.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame, first);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)flags << 24 | (uint)body.Length);
        body.CopyTo(frame.AsSpan(SpdyWire.HeadBytes));
        return new(frame, 0, SpdyWire.HeadBytes + body.Length);
    }

    private static byte[] Number(uint number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return bytes;
    }
}

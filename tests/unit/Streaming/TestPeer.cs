using System.Buffers.Binary;
using System.IO.Pipelines;
using Berth.Streaming;
using Berth.Streaming.Spdy;

namespace Berth.Tests.Unit.Streaming;

/// <summary>A client at the other end of two pipes, and a peer that takes every stream where the test has none of its own.</summary>
internal sealed class TestPeer : ISpdyPeer, IAsyncDisposable
{
    private readonly Pipe _toServer = new();
    private readonly Pipe _toClient = new();
    private readonly SpdyDeflater _deflater = new();
    private readonly IdleTimer _idle = new(TimeProvider.System, TimeSpan.FromHours(4));
    private readonly SpdyConnection? _connection;
    private readonly TaskCompletionSource<SpdyStream> _accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;

    /// <param name="peer">Who gets the streams; null is this.</param>
    public TestPeer(ISpdyPeer? peer = null)
    {
        _connection = new(Transport, peer ?? this, _idle, TimeProvider.System);
        _running = _connection.RunAsync(CancellationToken.None);
    }

    /// <param name="serve">Who serves the transport instead of a connection of this.</param>
    public TestPeer(Func<Stream, Task> serve) => _running = serve(Transport);

    /// <summary>What serves it, to its end.</summary>
    public Task Running => _running;

    private Duplex Transport => new(_toServer.Reader.AsStream(), _toClient.Writer.AsStream());

    public Task<SpdyStream> Accepted => _accepted.Task;

    public bool Accepts(uint id, IReadOnlyDictionary<string, string> headers) => true;

    public void Opened(SpdyStream stream) => _accepted.TrySetResult(stream);

    public Task OpenAsync(uint id, Dictionary<string, string> headers)
    {
        var block = _deflater.Deflate(SpdyHeaders.Format(headers));
        return SendAsync([0x80, 3, 0, 1, .. Number((uint)(10 + block.Length)), .. Number(id), .. Number(0), 0, 0, .. block]);
    }

    public Task DataAsync(uint id, byte[] bytes, bool fin) =>
        SendAsync([.. Number(id), .. Number(((fin ? 1u : 0) << 24) | (uint)bytes.Length), .. bytes]);

    public async Task SendAsync(byte[] bytes) => await _toServer.Writer.WriteAsync(bytes);

    /// <summary>The next frames: the type of control frames, and 0 for data; the stream; the content.</summary>
    public async Task<List<(ushort Type, uint Id)>> ReadFramesAsync(int count)
    {
        var frames = new List<(ushort, uint)>();
        while (frames.Count < count)
        {
            var (type, id, _) = await ReadAsync();
            frames.Add((type, id));
        }

        return frames;
    }

    /// <summary>The next frame.</summary>
    public async Task<(ushort Type, uint Id, byte[] Content)> ReadAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var stream = _toClient.Reader.AsStream(leaveOpen: true);
        var head = new byte[8];
        await stream.ReadExactlyAsync(head, limit.Token);
        var body = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4)) & 0xFFFFFF];
        await stream.ReadExactlyAsync(body, limit.Token);
        return (head[0] & 0x80) == 0 ? ((ushort)0, BinaryPrimitives.ReadUInt32BigEndian(head), body)
            : (BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2)), BinaryPrimitives.ReadUInt32BigEndian(body), body);
    }

    public async ValueTask DisposeAsync()
    {
        await _toServer.Writer.CompleteAsync();
        try
        {
            await _running.WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (SpdyException)
        {
            // That the bytes were none of the protocol is no other failure.
        }

        _connection?.Dispose();
        _deflater.Dispose();
        _idle.Dispose();
    }

    private static byte[] Number(uint number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return bytes;
    }
}

/// <summary>Two streams as one.</summary>
internal sealed class Duplex(Stream input, Stream output) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;

namespace Berth.Streaming.Spdy;

/// <summary>
/// The server's side of SPDY/3.1 over a byte pipe, as Kubernetes' clients speak it: streams, their ends and resets, pings.
/// There is no flow control but the pipe's: windows are neither kept nor told, since the clients do neither.
/// </summary>
internal sealed class SpdyConnection(Stream transport, ISpdyPeer peer, IdleTimer idle, TimeProvider time) : IDisposable
{
    // A port-forward takes two for each connection through it.
    private const int MaxStreams = 1024;
    private const int MaxControlBytes = 64 * 1024;

    /// <summary>What goes into one frame at most: clients copy with buffers of this size.</summary>
    private const int MaxDataBytes = 32 * 1024;

    private static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<uint, SpdyStream> _streams = new();
    private readonly SpdyWriter _writer = new(transport);
    private readonly SpdyInflater _inflater = new();
    private readonly PipeReader _reader = PipeReader.Create(transport, new(leaveOpen: true));
    private uint _lastId;
    private bool _draining;

    /// <summary>Reads frames until the client hangs up or the token is cancelled; then every stream is broken.</summary>
    /// <exception cref="SpdyException">The client does not speak the protocol; it was told so.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pinging = PingAsync(ended);
        try
        {
            while (await ReadFrameAsync(ended.Token))
            {
                // A frame at a time.
            }
        }
        catch (SpdyException)
        {
            await _writer.GoAwayAsync(_lastId, SpdyWire.ProtocolError, ended.Token)
                .WaitAsync(GoodbyeTime, time, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        finally
        {
            await ended.CancelAsync();
            foreach (var stream in _streams.Values)
            {
                stream.Break(new SpdyException("the client is gone"));
            }

            await pinging.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _reader.CompleteAsync();
        }
    }

    /// <summary>Tells the client that it is over: what is open is reset, and whatever still comes is dropped.</summary>
    public async Task GoAwayAsync(CancellationToken cancellationToken)
    {
        _draining = true;
        foreach (var stream in _streams.Values)
        {
            await stream.ResetAsync(cancellationToken);
        }

        await _writer.GoAwayAsync(_lastId, 0, cancellationToken);
    }

    /// <summary>To be called when nobody uses a stream any more.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        _inflater.Dispose();
    }

    internal async ValueTask WriteDataAsync(uint id, ReadOnlyMemory<byte> bytes, bool fin, CancellationToken cancellationToken)
    {
        do
        {
            idle.Touch();
            var part = bytes[..Math.Min(bytes.Length, MaxDataBytes)];
            bytes = bytes[part.Length..];
            await _writer.DataAsync(id, part, fin && bytes.IsEmpty, cancellationToken);
        }
        while (!bytes.IsEmpty);
    }

    internal Task WriteResetAsync(uint id, uint status, CancellationToken cancellationToken) => _writer.ResetAsync(id, status, cancellationToken);

    internal void Forget(SpdyStream stream) => _streams.TryRemove(stream.Id, out _);

    private async Task<bool> ReadFrameAsync(CancellationToken cancellationToken)
    {
        var result = await _reader.ReadAtLeastAsync(SpdyWire.HeadBytes, cancellationToken);
        if (result.Buffer.Length < SpdyWire.HeadBytes)
        {
            return result.Buffer.IsEmpty ? false : throw new SpdyException("the connection ended within a frame");
        }

        var (first, second) = ReadHead(result.Buffer);
        _reader.AdvanceTo(result.Buffer.GetPosition(SpdyWire.HeadBytes));
        var (flags, length) = ((byte)(second >> 24), (int)(second & 0xFFFFFF));
        if (first >> 31 == 0)
        {
            idle.Touch();
            await ReadDataAsync(first, length, (flags & SpdyWire.Fin) != 0, cancellationToken);
            return true;
        }

        if ((first >> 16 & 0x7FFF) != SpdyWire.Version)
        {
            throw new SpdyException($"the client speaks version {first >> 16 & 0x7FFF} of SPDY, not {SpdyWire.Version}");
        }

        if (length > MaxControlBytes)
        {
            throw new SpdyException($"a control frame of {length} bytes is larger than {MaxControlBytes}");
        }

        result = await _reader.ReadAtLeastAsync(length, cancellationToken);
        if (result.Buffer.Length < length)
        {
            throw new SpdyException("the connection ended within a frame");
        }

        var body = result.Buffer.Slice(0, length);
        var bytes = body.ToArray();
        _reader.AdvanceTo(body.End);
        await ReadControlAsync((ushort)first, flags, bytes, cancellationToken);
        return true;
    }

    // In pieces as they come: a frame may have 16 MiB.
    private async Task ReadDataAsync(uint id, int length, bool fin, CancellationToken cancellationToken)
    {
        var stream = _streams.GetValueOrDefault(id);
        while (length > 0)
        {
            var result = await _reader.ReadAsync(cancellationToken);
            var bytes = result.Buffer.Slice(0, Math.Min(length, result.Buffer.Length));
            length -= (int)bytes.Length;
            if (stream is not null)
            {
                await stream.ReceiveAsync(bytes, cancellationToken);
            }

            _reader.AdvanceTo(bytes.End);
            if (result.IsCompleted && length > 0)
            {
                throw new SpdyException("the connection ended within a frame");
            }
        }

        if (fin)
        {
            stream?.ReceiveEnd();
        }
    }

    private async Task ReadControlAsync(ushort type, byte flags, byte[] body, CancellationToken cancellationToken)
    {
        switch (type)
        {
            case SpdyWire.SynStream:
                idle.Touch();
                await OpenAsync(flags, body, cancellationToken);
                break;
            case SpdyWire.RstStream when _streams.TryGetValue(Number(body, 0), out var stream):
                stream.Break(new SpdyException($"the client reset stream {stream.Id}"));
                break;
            case SpdyWire.Headers:
                // Nobody needs later headers, but they are part of the compressed stream.
                _inflater.Inflate(Rest(body, 4), SpdyHeaders.MaxBytes);
                break;
            case SpdyWire.Ping when (Number(body, 0) & 1) == 1:
                // Ours have even numbers; an answer to them says nothing of what the user does.
                idle.Touch();
                await _writer.PingAsync(Number(body, 0), cancellationToken);
                break;
        }
    }

    private async Task OpenAsync(byte flags, byte[] body, CancellationToken cancellationToken)
    {
        var id = Number(body, 0) & 0x7FFFFFFF;
        var headers = SpdyHeaders.Parse(_inflater.Inflate(Rest(body, 10), SpdyHeaders.MaxBytes));
        if (id <= _lastId || id % 2 == 0)
        {
            await _writer.ResetAsync(id, SpdyWire.ProtocolError, cancellationToken);
            return;
        }

        _lastId = id;
        if (_draining || _streams.Count >= MaxStreams || !peer.Accepts(id, headers))
        {
            await _writer.ResetAsync(id, SpdyWire.RefusedStream, cancellationToken);
            return;
        }

        var stream = new SpdyStream(id, headers, this);
        _streams[id] = stream;
        // First of all, as clients open one stream after another and drop data of those that are not answered.
        await _writer.ReplyAsync(id, cancellationToken);
        if ((flags & SpdyWire.Fin) != 0)
        {
            stream.ReceiveEnd();
        }

        peer.Opened(stream);
    }

    // A client that went away without a word is found by a write that fails.
    private async Task PingAsync(CancellationTokenSource ended)
    {
        using var timer = new PeriodicTimer(PingInterval, time);
        try
        {
            for (var id = 2u; await timer.WaitForNextTickAsync(ended.Token); id += 2)
            {
                await _writer.PingAsync(id, ended.Token);
            }
        }
        catch (IOException)
        {
            await ended.CancelAsync();
        }
    }

    private static (uint First, uint Second) ReadHead(ReadOnlySequence<byte> buffer)
    {
        Span<byte> head = stackalloc byte[SpdyWire.HeadBytes];
        buffer.Slice(0, SpdyWire.HeadBytes).CopyTo(head);
        return (BinaryPrimitives.ReadUInt32BigEndian(head), BinaryPrimitives.ReadUInt32BigEndian(head[4..]));
    }

    private static uint Number(byte[] body, int offset) => BinaryPrimitives.ReadUInt32BigEndian(Rest(body, offset, 4));

    private static ReadOnlySpan<byte> Rest(byte[] body, int offset, int least = 0) =>
        body.Length >= offset + least ? body.AsSpan(offset) : throw new SpdyException("a control frame is too short");
}

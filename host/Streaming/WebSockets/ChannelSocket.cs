using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Net.WebSockets;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.WebSockets;

/// <summary>
/// Channels over one WebSocket. Messages are passed on in pieces as they come, so their size does not matter; what is for no
/// channel that reads is dropped.
/// </summary>
internal sealed class ChannelSocket(WebSocket socket, ChannelProtocol protocol, IdleTimer idle) : IDisposable
{
    private const byte CloseChannel = 255;
    private const int PieceBytes = 32 * 1024;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Dictionary<byte, Pipe> _inbound = [];

    /// <summary>A channel to read from; to be asked for before <see cref="RunAsync"/>.</summary>
    public IInbound Inbound(byte channel)
    {
        var pipe = InboundPipe.Create();
        _inbound.Add(channel, pipe);
        return new Reader(pipe.Reader);
    }

    /// <summary>A channel to write to.</summary>
    public IOutbound Outbound(byte channel) => new Writer(this, channel);

    /// <summary>Reads messages until the client closes, or the token is cancelled.</summary>
    /// <exception cref="IOException">The client breaks the rules.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Exception? reason = null;
        try
        {
            while (await ReadMessageAsync(cancellationToken))
            {
                idle.Touch();
            }
        }
        catch (WebSocketException e)
        {
            reason = new IOException($"the client is gone: {e.Message}");
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            reason = e;
            throw;
        }
        finally
        {
            foreach (var pipe in _inbound.Values)
            {
                await pipe.Writer.CompleteAsync(reason);
            }
        }
    }

    /// <summary>Ends it in good order; the client then closes, too.</summary>
    public Task CloseAsync(CancellationToken cancellationToken) => InTurnAsync(
        () => socket.State is WebSocketState.Open or WebSocketState.CloseReceived
            ? socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None)
            : Task.CompletedTask,
        cancellationToken);

    public void Dispose() => _turn.Dispose();

    // False: the client closed.
    private async Task<bool> ReadMessageAsync(CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var (channel, held, position) = ((byte?)null, 0, 0L);
            while (true)
            {
                var piece = await socket.ReceiveAsync(buffer.AsMemory(held, PieceBytes - held), cancellationToken);
                if (piece.MessageType == WebSocketMessageType.Close)
                {
                    return false;
                }

                if ((piece.MessageType == WebSocketMessageType.Text) != protocol.Base64)
                {
                    throw new IOException($"the protocol {protocol.Name} has no {piece.MessageType} messages");
                }

                var bytes = buffer.AsMemory(0, held + piece.Count);
                if (channel is null && bytes.Length > 0)
                {
                    channel = (byte)(bytes.Span[0] - (protocol.Base64 ? '0' : 0));
                    bytes = bytes[1..];
                }

                held = await DeliverAsync(channel, bytes, position, piece.EndOfMessage, cancellationToken);
                position += bytes.Length - held;
                if (piece.EndOfMessage)
                {
                    return true;
                }

                bytes[^held..].CopyTo(buffer);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Returns how many of the last bytes are still to come again, because base64 goes by fours.
    private async Task<int> DeliverAsync(byte? channel, Memory<byte> bytes, long position, bool isLast, CancellationToken cancellationToken)
    {
        if (channel == CloseChannel && protocol.ClosesChannels)
        {
            await CloseInboundAsync(bytes, position, isLast);
            return 0;
        }

        var held = protocol.Base64 && !isLast ? bytes.Length % 4 : 0;
        var content = bytes[..^held];
        if (protocol.Base64 && Base64.DecodeFromUtf8InPlace(content.Span, out var decoded) is var status)
        {
            content = status == OperationStatus.Done ? content[..decoded] : throw new IOException("a message is no base64");
        }

        if (channel is { } number && content.Length > 0 && _inbound.TryGetValue(number, out var pipe))
        {
            await pipe.Writer.WriteAsync(content, cancellationToken);
        }

        return held;
    }

    private async Task CloseInboundAsync(Memory<byte> bytes, long position, bool isLast)
    {
        if (position + bytes.Length != 1 || !isLast)
        {
            throw new IOException("a message that closes a channel has exactly two bytes");
        }

        if (_inbound.Remove(bytes.Span[0], out var pipe))
        {
            await pipe.Writer.CompleteAsync();
        }
    }

    private async Task SendAsync(byte channel, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        idle.Touch();
        var size = 1 + (protocol.Base64 ? Base64.GetMaxEncodedToUtf8Length(bytes.Length) : bytes.Length);
        var message = ArrayPool<byte>.Shared.Rent(size);
        if (protocol.Base64)
        {
            message[0] = (byte)('0' + channel);
            Base64.EncodeToUtf8(bytes.Span, message.AsSpan(1), out _, out _);
        }
        else
        {
            message[0] = channel;
            bytes.CopyTo(message.AsMemory(1));
        }

        // A send that is given up ends the whole WebSocket, so only its own end does that.
        await InTurnAsync(
            async () => await socket.SendAsync(
                message.AsMemory(0, size), protocol.Base64 ? WebSocketMessageType.Text : WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None),
            cancellationToken);
        ArrayPool<byte>.Shared.Return(message);
    }

    private async Task InTurnAsync(Func<Task> send, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await send();
        }
        catch (WebSocketException e)
        {
            throw new IOException($"the client is gone: {e.Message}", e);
        }
        finally
        {
            _turn.Release();
        }
    }

    private sealed class Reader(PipeReader pipe) : IInbound
    {
        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) => InboundPipe.ReadAsync(pipe, buffer, cancellationToken);
    }

    // The protocol cannot close one channel towards the client; the end of all is the end of the WebSocket.
    private sealed class Writer(ChannelSocket owner, byte channel) : IOutbound
    {
        public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            await owner.SendAsync(channel, bytes, cancellationToken);

        public ValueTask EndAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}

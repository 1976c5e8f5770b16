using System.Text;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.WebSockets;

/// <summary>A session with a process over WebSocket: stdin, stdout, stderr, error and resize are the channels 0 to 4.</summary>
internal sealed class WebSocketConsole : IConsole
{
    private readonly ChannelSocket _channels;
    private readonly ChannelProtocol _protocol;
    private readonly IOutbound _error;

    public WebSocketConsole(ConsoleIo io, ChannelSocket channels, ChannelProtocol protocol, CancellationToken gone)
    {
        (_channels, _protocol, Gone) = (channels, protocol, gone);
        Stdin = io.Stdin ? channels.Inbound(0) : null;
        Stdout = io.Stdout ? channels.Outbound(1) : null;
        Stderr = io.Stderr && !io.Terminal ? channels.Outbound(2) : null;
        _error = channels.Outbound(3);
        Sizes = io.Terminal ? channels.Inbound(4) : null;
    }

    public IInbound? Stdin { get; }

    public IOutbound? Stdout { get; }

    public IOutbound? Stderr { get; }

    public IInbound? Sizes { get; }

    public CancellationToken Gone { get; }

    /// <summary>An empty message on the first channel to the client says that the session is up.</summary>
    public ValueTask GreetAsync() => (Stdout ?? Stderr ?? _error).WriteAsync(default, Gone);

    public async Task FinishAsync(SessionStatus status)
    {
        var text = _protocol.JsonStatus ? status.Json : status.Text;
        if (text.Length > 0)
        {
            await _error.WriteAsync(Encoding.UTF8.GetBytes(text), Gone);
        }

        await _channels.CloseAsync(Gone);
    }
}

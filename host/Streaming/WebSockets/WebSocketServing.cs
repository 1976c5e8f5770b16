using System.Net.WebSockets;
using Berth.Configuration;
using Berth.Streaming.Sessions;
using Berth.Streaming.Spdy;

namespace Berth.Streaming.WebSockets;

/// <summary>From the WebSocket handshake to the end of the session.</summary>
internal sealed class WebSocketServing(ConsoleServing consoles, PortForwarder forwarder, SpdyServing spdy, StreamingOptions options, TimeProvider time)
{
    private static readonly TimeSpan HangUpTime = TimeSpan.FromSeconds(5);

    /// <summary>Serves it to its end; the outcome is for the log.</summary>
    public async Task<string> ServeAsync(HttpContext context, StreamTicket ticket, CancellationToken cancellationToken)
    {
        var known = ticket is PortForwardTicket ? ChannelProtocol.Ports : ChannelProtocol.Console;
        var offered = context.WebSockets.WebSocketRequestedProtocols is { Count: > 0 } list ? list : [""];
        var tunnels = ticket is PortForwardTicket ? ChannelProtocol.Tunnel : null;
        if (offered.FirstOrDefault(o => o == tunnels || known.Any(k => k.Name == o)) is not { } name)
        {
            await StreamingEndpoint.RefuseAsync(context, StatusCodes.Status403Forbidden, $"none of the subprotocols is known; these are: {string.Join(", ", known.Select(static k => k.Name))}");
            return "no subprotocol in common";
        }

        if (name.Length > 0)
        {
            // The library itself takes no name with a slash.
            context.Response.Headers.SecWebSocketProtocol = name;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        if (name == tunnels)
        {
            await using var pipe = WebSocketStream.Create(socket, WebSocketMessageType.Binary, HangUpTime);
            return await spdy.RunAsync(pipe, ticket, SpdyPortForward.Protocol, socket.Abort, cancellationToken);
        }

        return await RunAsync(socket, ticket, known.First(k => k.Name == name), cancellationToken);
    }

    private async Task<string> RunAsync(WebSocket socket, StreamTicket ticket, ChannelProtocol protocol, CancellationToken cancellationToken)
    {
        using var idle = new IdleTimer(time, options.IdleTime);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Expired);
        await using var aborting = gone.Token.Register(socket.Abort);
        using var channels = new ChannelSocket(socket, protocol, idle);
        Func<Task<string>> session = ticket switch
        {
            ConsoleTicket t => Console(t, channels, protocol, gone.Token),
            PortForwardTicket t => Ports(t, channels, gone.Token),
            _ => throw new InvalidOperationException($"{ticket.GetType()} has no session"),
        };
        var reading = ReadAsync(channels, gone);
        try
        {
            var outcome = await session();
            await reading.WaitAsync(HangUpTime, time, gone.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return outcome;
        }
        finally
        {
            await gone.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Func<Task<string>> Console(ConsoleTicket ticket, ChannelSocket channels, ChannelProtocol protocol, CancellationToken gone)
    {
        var console = new WebSocketConsole(ticket.Io, channels, protocol, gone);
        return async () =>
        {
            await console.GreetAsync();
            return await consoles.RunAsync(ticket, console);
        };
    }

    private Func<Task<string>> Ports(PortForwardTicket ticket, ChannelSocket channels, CancellationToken gone)
    {
        var ports = new WebSocketPortForward(ticket, channels, forwarder, gone);
        return async () =>
        {
            await ports.RunAsync();
            return "every connection ended";
        };
    }

    // The end of the connection is the end of the session, too.
    private static async Task ReadAsync(ChannelSocket channels, CancellationTokenSource gone)
    {
        try
        {
            await channels.RunAsync(gone.Token);
        }
        finally
        {
            await gone.CancelAsync();
        }
    }
}

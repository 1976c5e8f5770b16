using Berth.Streaming.Spdy;
using Berth.Streaming.WebSockets;

namespace Berth.Streaming;

/// <summary>One request to a URL: its token, its transport, its session.</summary>
public sealed class StreamingEndpoint
{
    private readonly StreamTickets _tickets;
    private readonly SpdyServing _spdy;
    private readonly WebSocketServing _webSockets;
    private readonly ILogger<StreamingEndpoint> _log;
    private int _sessions;

    internal StreamingEndpoint(StreamTickets tickets, SpdyServing spdy, WebSocketServing webSockets, ILogger<StreamingEndpoint> log) =>
        (_tickets, _spdy, _webSockets, _log) = (tickets, spdy, webSockets, log);

    /// <summary>How many are served now.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    /// <summary>Serves it to its end.</summary>
    public async Task ServeAsync<T>(HttpContext context, string token, CancellationToken cancellationToken)
        where T : StreamTicket
    {
        if (_tickets.Take(token) is not T ticket)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "the URL is unknown, was used before, or is older than a minute");
            return;
        }

        var (kind, subject) = ticket switch
        {
            ExecTicket t => ("exec", t.ContainerId),
            AttachTicket t => ("attach", t.ContainerId),
            PortForwardTicket t => ("port-forward", t.SandboxId),
            _ => throw new InvalidOperationException($"{ticket.GetType()} is no ticket"),
        };
        var protocol = context.WebSockets.IsWebSocketRequest ? "WebSocket" : "SPDY";
        Interlocked.Increment(ref _sessions);
        try
        {
            var outcome = context.WebSockets.IsWebSocketRequest
                ? await _webSockets.ServeAsync(context, ticket, cancellationToken)
                : await _spdy.ServeAsync(context, ticket, cancellationToken);
            StreamingLog.Ended(_log, kind, subject, protocol, outcome);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            StreamingLog.Ended(_log, kind, subject, protocol, e is OperationCanceledException ? "the client is gone" : e.Message);
            context.Abort();
        }
        catch (Exception e)
        {
            StreamingLog.Broke(_log, kind, subject, protocol, e);
            context.Abort();
        }
        finally
        {
            Interlocked.Decrement(ref _sessions);
        }
    }

    /// <summary>Answers that it will not be, as text.</summary>
    internal static Task RefuseAsync(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(reason + "\n", context.RequestAborted);
    }
}

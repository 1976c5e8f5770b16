using Berth.Configuration;
using Berth.Streaming.Sessions;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Streaming.Spdy;

/// <summary>From the HTTP Upgrade to SPDY/3.1 to the end of the session.</summary>
internal sealed class SpdyServing(ConsoleServing consoles, PortForwarder forwarder, StreamingOptions options, TimeProvider time)
{
    private const string Upgrade = "SPDY/3.1";
    private const string Offers = "X-Stream-Protocol-Version";
    private const string Accepted = "X-Accepted-Stream-Protocol-Versions";

    // Clients open their streams one after another, each within a round trip.
    private static readonly TimeSpan OpenTime = TimeSpan.FromSeconds(30);

    // The client hangs up once it has read all; a server that does so first may cut off what is under way.
    private static readonly TimeSpan HangUpTime = TimeSpan.FromSeconds(5);

    /// <summary>Serves it to its end; the outcome is for the log.</summary>
    public async Task<string> ServeAsync(HttpContext context, StreamTicket ticket, CancellationToken cancellationToken)
    {
        var feature = context.Features.Get<IHttpUpgradeFeature>();
        if (feature is not { IsUpgradableRequest: true } || !context.Request.Headers.Upgrade.ToString().Contains(Upgrade, StringComparison.OrdinalIgnoreCase))
        {
            await StreamingEndpoint.RefuseAsync(context, StatusCodes.Status400BadRequest, $"a stream needs an upgrade to {Upgrade} or to WebSocket");
            return "no upgrade was asked for";
        }

        string[] known = ticket is PortForwardTicket ? [SpdyPortForward.Protocol] : [.. SpdyConsole.Protocols];
        string[] offered = [.. context.Request.Headers[Offers].SelectMany(static v => (v ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
        if (offered.Length == 0)
        {
            await StreamingEndpoint.RefuseAsync(context, StatusCodes.Status400BadRequest, $"the header {Offers} is missing");
            return "no stream protocol was asked for";
        }

        if (offered.FirstOrDefault(o => known.Contains(o, StringComparer.Ordinal)) is not { } protocol)
        {
            context.Response.Headers[Accepted] = known;
            await StreamingEndpoint.RefuseAsync(context, StatusCodes.Status403Forbidden, $"none of the stream protocols is known; these are: {string.Join(", ", known)}");
            return "no stream protocol in common";
        }

        context.Response.Headers.Upgrade = Upgrade;
        context.Response.Headers[Offers] = protocol;
        await using var transport = await feature.UpgradeAsync();
        return await RunAsync(transport, ticket, protocol, context.Abort, cancellationToken);
    }

    /// <summary>Runs the session over a byte pipe.</summary>
    /// <param name="transport">The pipe.</param>
    /// <param name="ticket">What it is about.</param>
    /// <param name="protocol">The stream protocol.</param>
    /// <param name="abort">Breaks the pipe, so that a write that waits for a client ends.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<string> RunAsync(Stream transport, StreamTicket ticket, string protocol, Action abort, CancellationToken cancellationToken)
    {
        using var idle = new IdleTimer(time, options.IdleTime);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, idle.Expired);
        await using var aborting = gone.Token.Register(abort);
        return ticket switch
        {
            ConsoleTicket console => await RunConsoleAsync(transport, console, protocol, idle, gone),
            PortForwardTicket ports => await RunPortsAsync(transport, ports, idle, gone),
            _ => throw new InvalidOperationException($"{ticket.GetType()} has no session"),
        };
    }

    private async Task<string> RunConsoleAsync(Stream transport, ConsoleTicket ticket, string protocol, IdleTimer idle, CancellationTokenSource gone)
    {
        var console = new SpdyConsole(ticket.Io, protocol, gone.Token);
        using var connection = new SpdyConnection(transport, console, idle, time);
        var reading = ReadAsync(connection, gone);
        try
        {
            await await Task.WhenAny(reading, console.Complete.WaitAsync(OpenTime, time, gone.Token));
            var outcome = console.Complete.IsCompleted ? await consoles.RunAsync(ticket, console) : "the client opened no session";
            await connection.GoAwayAsync(gone.Token);
            await reading.WaitAsync(HangUpTime, time, gone.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return outcome;
        }
        catch (TimeoutException)
        {
            return $"the client did not open its streams within {OpenTime.TotalSeconds:0} s";
        }
        finally
        {
            await gone.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<string> RunPortsAsync(Stream transport, PortForwardTicket ticket, IdleTimer idle, CancellationTokenSource gone)
    {
        var ports = new SpdyPortForward(ticket, forwarder, time, gone.Token);
        using var connection = new SpdyConnection(transport, ports, idle, time);
        try
        {
            await connection.RunAsync(gone.Token);
            return "the client hung up";
        }
        finally
        {
            await gone.CancelAsync();
            await ports.EndAsync();
        }
    }

    // The end of the connection is the end of the session, too.
    private static async Task ReadAsync(SpdyConnection connection, CancellationTokenSource gone)
    {
        try
        {
            await connection.RunAsync(gone.Token);
        }
        finally
        {
            await gone.CancelAsync();
        }
    }
}

using System.Buffers.Binary;
using System.Text;
using Berth.Abstractions;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.WebSockets;

/// <summary>
/// The older port-forward over WebSocket: port number i of the request has the channels 2i for data and 2i + 1 for errors, and
/// the first message on each of them is the port.
/// </summary>
internal sealed class WebSocketPortForward(PortForwardTicket ticket, ChannelSocket channels, PortForwarder forwarder, CancellationToken gone)
{
    /// <summary>The channels' numbers are bytes.</summary>
    public const int MaxPorts = 127;

    private readonly List<(int Port, IInbound From, IOutbound To, IOutbound Error)> _ports =
    [
        .. ticket.Ports.Select((port, i) => (port, channels.Inbound((byte)(2 * i)), channels.Outbound((byte)(2 * i)), channels.Outbound((byte)((2 * i) + 1)))),
    ];

    /// <summary>Runs every connection to its end.</summary>
    public async Task RunAsync()
    {
        foreach (var (port, _, to, error) in _ports)
        {
            var number = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(number, (ushort)port);
            await to.WriteAsync(number, gone);
            await error.WriteAsync(number, gone);
        }

        await Task.WhenAll(_ports.Select(p => ForwardAsync(p.Port, p.From, p.To, p.Error)));
        await channels.CloseAsync(gone);
    }

    private async Task ForwardAsync(int port, IInbound from, IOutbound to, IOutbound error)
    {
        try
        {
            await forwarder.RunAsync(ticket.SandboxId, port, from, to, gone);
        }
        catch (RuntimeException e)
        {
            await error.WriteAsync(Encoding.UTF8.GetBytes($"error forwarding port {port} to pod {ticket.SandboxId}: {e.Message}"), gone);
        }
        catch (IOException e)
        {
            await error.WriteAsync(Encoding.UTF8.GetBytes($"error forwarding port {port} to pod {ticket.SandboxId}: {e.Message}"), gone);
        }
    }
}

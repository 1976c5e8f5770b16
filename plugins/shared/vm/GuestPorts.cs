using System.Collections.Concurrent;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>Connections to ports in the guest, by the agent's numbers; they end with the connection to the agent.</summary>
internal sealed class GuestPorts
{
    private readonly ConcurrentDictionary<uint, GuestPort> _ports = new();

    /// <summary>Takes a connection that the agent has opened.</summary>
    /// <returns>The descriptor for the gateway.</returns>
    public int Open(AgentWire wire, uint? connection)
    {
        var number = connection ?? throw new InvalidDataException("an open port has no number");
        var (port, descriptor) = GuestPort.Open(number, wire);
        _ports[number] = port;
        _ = ServeAsync(number, port);
        return descriptor;
    }

    public void OnFrame(Frame frame)
    {
        if (!_ports.TryGetValue(frame.Id, out var port))
        {
            return;
        }

        switch (frame.Kind)
        {
            case FrameKind.PortData:
                port.OnData(frame.Payload);
                break;
            case FrameKind.PortAck when OffsetPayload.ReadPortAck(frame.Payload.Span) is { } bytes:
                port.OnTaken(bytes);
                break;
            case FrameKind.PortEnd:
                port.OnEnd();
                break;
            default:
                port.Break();
                break;
        }
    }

    /// <summary>The connection to the agent ended.</summary>
    public void Clear()
    {
        foreach (var port in _ports.Values)
        {
            port.Break();
        }
    }

    private async Task ServeAsync(uint number, GuestPort port)
    {
        await port.RunAsync().ConfigureAwait(false);
        _ports.TryRemove(number, out _);
        port.Dispose();
    }
}

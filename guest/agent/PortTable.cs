using System.Globalization;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Connections to ports; they end with the host's connection.</summary>
internal sealed class PortTable(EventLoop loop, HostLink link)
{
    // A host that leaks them is told so.
    private const int Most = 1024;
    private readonly Dictionary<uint, PortConnection> _connections = [];
    private uint _last;

    /// <summary>Those that have not ended.</summary>
    public int Count => _connections.Count;

    public uint Open(OpenPort request)
    {
        if (request.Port is < 1 or > ushort.MaxValue)
        {
            throw AgentException.Invalid($"{request.Port} is no port");
        }

        if (_connections.Count >= Most)
        {
            throw new AgentException(GuestErrorCode.Unavailable, $"{Most} connections are open");
        }

        var socket = PortConnection.Connect(request.Port)
            ?? throw new AgentException(GuestErrorCode.Unavailable, string.Create(CultureInfo.InvariantCulture, $"nothing listens on port {request.Port} of the pod"));
        var number = ++_last;
        _connections[number] = new(loop, socket, (kind, payload) => link.Send(new(kind, number, payload)), () => _connections.Remove(number));
        return number;
    }

    public void Begin(uint number)
    {
        if (_connections.TryGetValue(number, out var connection))
        {
            connection.Begin();
        }
    }

    public void Receive(Frame frame)
    {
        if (!_connections.TryGetValue(frame.Id, out var connection))
        {
            return;
        }

        switch (frame.Kind)
        {
            case FrameKind.PortData when connection.Add(frame.Payload):
                break;
            case FrameKind.PortAck when OffsetPayload.ReadPortAck(frame.Payload.Span) is { } bytes:
                connection.Acknowledge(bytes);
                break;
            case FrameKind.PortEnd:
                connection.End();
                break;
            default:
                _connections.Remove(frame.Id);
                connection.Dispose();
                if (frame.Kind != FrameKind.PortReset)
                {
                    link.Send(new(FrameKind.PortReset, frame.Id, default));
                }

                break;
        }
    }

    public void Clear()
    {
        // Each takes itself out.
        foreach (var connection in _connections.Values.ToList())
        {
            connection.Dispose();
        }
    }
}

namespace Berth.Streaming.Spdy;

/// <summary>The numbers of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00), as far as stream protocols of Kubernetes use them.</summary>
internal static class SpdyWire
{
    public const int HeadBytes = 8;
    public const ushort Version = 3;

    public const ushort SynStream = 1, SynReply = 2, RstStream = 3, Settings = 4, Ping = 6, GoAway = 7, Headers = 8, WindowUpdate = 9;

    public const byte Fin = 1, Unidirectional = 2;

    public const uint ProtocolError = 1, RefusedStream = 3, Cancel = 5;
}

/// <summary>The peer does not speak the protocol, or too much of it.</summary>
internal sealed class SpdyException(string message) : IOException(message);

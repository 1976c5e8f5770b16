namespace Berth.Guest.Protocol;

/// <summary>What a frame is. The numbers are the wire's. Numbers in payloads are little-endian.</summary>
public enum FrameKind : byte
{
    /// <summary>Never sent.</summary>
    None = 0,

    /// <summary>Host: begins a connection; <see cref="Protocol.Hello"/> in JSON. Everything that was under way ends.</summary>
    Hello = 1,

    /// <summary>Agent: the answer; <see cref="Protocol.Welcome"/> in JSON. The host drops all frames before it.</summary>
    Welcome = 2,

    /// <summary>Either: a piece of a message that its last frame (<see cref="Request"/>, <see cref="Response"/>, <see cref="Welcome"/>) completes.</summary>
    Part = 3,

    /// <summary>Host: <see cref="GuestRequest"/> in JSON; the id is the host's choice, unique among those under way.</summary>
    Request = 4,

    /// <summary>Agent: <see cref="GuestResponse"/> in JSON; the id is the request's.</summary>
    Response = 5,

    /// <summary>Agent: u8 stream (1, 2), u64 offset, bytes. The id is the process's number, as in the next six.</summary>
    Output = 6,

    /// <summary>Host: u8 stream, u64 offset up to which output is safe and need not be kept.</summary>
    OutputAck = 7,

    /// <summary>Agent: <see cref="GuestExit"/> in JSON. Sent after all output is acknowledged, and again in each connection until acknowledged.</summary>
    Exit = 8,

    /// <summary>Host: the exit is safe. The agent forgets an exec; a container stays until it is deleted.</summary>
    ExitAck = 9,

    /// <summary>Host: u64 offset, bytes for standard input.</summary>
    Input = 10,

    /// <summary>Agent: u64 offset up to which standard input has been taken.</summary>
    InputAck = 11,

    /// <summary>Host: closes standard input once all sent before is taken.</summary>
    InputEnd = 12,

    /// <summary>Either: bytes of a connection that <see cref="OpenPort"/> opened. The id is the connection's, as in the next three.</summary>
    PortData = 13,

    /// <summary>Either: u32 bytes that were taken, to be sent anew.</summary>
    PortAck = 14,

    /// <summary>Either: no more bytes follow in this direction.</summary>
    PortEnd = 15,

    /// <summary>Either: the connection is gone. Connections end with the host's own, without a frame.</summary>
    PortReset = 16,
}

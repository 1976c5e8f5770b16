namespace Berth.Guest.Protocol;

/// <summary>What both ends must agree on. guest/README.md describes the whole.</summary>
public static class ProtocolFacts
{
    /// <summary>Changes only when old and new no longer understand each other: a VM outlives the gateway that booted it.</summary>
    public const int Version = 1;

    /// <summary>The name of the virtio-serial port.</summary>
    public const string Port = "dev.berth.agent";

    /// <summary>Bytes of one frame's payload.</summary>
    public const int MaxPayload = 64 * 1024;

    /// <summary>Bytes of one request or answer, put together from parts. A config.json has every environment variable of its container.</summary>
    public const int MaxMessage = 4 * 1024 * 1024;

    /// <summary>Output bytes of one stream that the agent sends ahead of the host's acknowledgement.</summary>
    public const int OutputWindow = 256 * 1024;

    /// <summary>Output bytes of one stream that the agent keeps for the host; when they are full, the writer waits.</summary>
    public const int OutputKept = 16 * 1024 * 1024;

    /// <summary>Bytes of standard input, or of one direction of a port's connection, that may be sent ahead of the acknowledgement.</summary>
    public const int InputWindow = 128 * 1024;
}

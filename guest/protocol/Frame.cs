using System.Buffers.Binary;
using System.Numerics;

namespace Berth.Guest.Protocol;

/// <summary>One frame. See <see cref="FrameKind"/> for what the id and the payload are.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">Of a request, process or connection.</param>
/// <param name="Payload">At most <see cref="ProtocolFacts.MaxPayload"/> bytes.</param>
public readonly record struct Frame(FrameKind Kind, uint Id, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Bytes before the payload: u32 magic, u32 length, u8 kind, u32 id, u32 CRC-32C of length, kind, id and payload.</summary>
    public const int HeaderBytes = 17;

    internal const uint Magic = 0x31464742;

    // Whoever lost his place finds it again behind this many zeros: less than a preamble that swallowed the longest frame has left.
    internal const int SilenceBytes = 4096;

    /// <summary>
    /// Zeros, sent by each end before its first frame of a connection. A frame that the end of the last connection cut in two
    /// swallows at most so many that enough are left to find the next one; its checksum then fails.
    /// </summary>
    public static byte[] Preamble() => new byte[HeaderBytes + ProtocolFacts.MaxPayload + SilenceBytes];

    /// <summary>The frame as bytes.</summary>
    public byte[] ToBytes()
    {
        if (Payload.Length > ProtocolFacts.MaxPayload)
        {
            throw new ArgumentException($"a frame of {Payload.Length} bytes is longer than {ProtocolFacts.MaxPayload}");
        }

        var bytes = new byte[HeaderBytes + Payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Payload.Length);
        bytes[8] = (byte)Kind;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(9), Id);
        Payload.Span.CopyTo(bytes.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(13), Checksum(bytes));
        return bytes;
    }

    /// <summary>A message in as many frames as it takes, the last of the kind given.</summary>
    public static IEnumerable<Frame> Split(FrameKind kind, uint id, ReadOnlyMemory<byte> message)
    {
        if (message.Length > ProtocolFacts.MaxMessage)
        {
            throw new ArgumentException($"a message of {message.Length} bytes is longer than {ProtocolFacts.MaxMessage}");
        }

        while (message.Length > ProtocolFacts.MaxPayload)
        {
            yield return new(FrameKind.Part, id, message[..ProtocolFacts.MaxPayload]);
            message = message[ProtocolFacts.MaxPayload..];
        }

        yield return new(kind, id, message);
    }

    internal static uint Checksum(ReadOnlySpan<byte> frame)
    {
        var crc = Crc(~0u, frame[4..13]);
        return ~Crc(crc, frame[HeaderBytes..]);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }
}

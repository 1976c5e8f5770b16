using System.Buffers.Binary;

namespace Berth.Guest.Protocol;

/// <summary>Payloads that are not JSON.</summary>
public static class OffsetPayload
{
    /// <summary>Bytes before the data of <see cref="FrameKind.Output"/>.</summary>
    public const int OutputHeader = 9;

    /// <summary>Bytes before the data of <see cref="FrameKind.Input"/>.</summary>
    public const int InputHeader = 8;

    /// <summary>Of <see cref="FrameKind.Output"/> and, without data, <see cref="FrameKind.OutputAck"/>.</summary>
    public static byte[] Output(int stream, long offset, ReadOnlySpan<byte> data = default)
    {
        var payload = new byte[OutputHeader + data.Length];
        payload[0] = (byte)stream;
        BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(1), offset);
        data.CopyTo(payload.AsSpan(OutputHeader));
        return payload;
    }

    /// <summary>The stream and offset; null if it is malformed.</summary>
    public static (int Stream, long Offset)? ReadOutput(ReadOnlySpan<byte> payload) =>
        payload.Length >= OutputHeader && payload[0] is 1 or 2 && BinaryPrimitives.ReadInt64LittleEndian(payload[1..]) is >= 0 and var offset
            ? (payload[0], offset)
            : null;

    /// <summary>Of <see cref="FrameKind.Input"/> and, without data, <see cref="FrameKind.InputAck"/>.</summary>
    public static byte[] Input(long offset, ReadOnlySpan<byte> data = default)
    {
        var payload = new byte[InputHeader + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(payload, offset);
        data.CopyTo(payload.AsSpan(InputHeader));
        return payload;
    }

    /// <summary>The offset; null if it is malformed.</summary>
    public static long? ReadInput(ReadOnlySpan<byte> payload) =>
        payload.Length >= InputHeader && BinaryPrimitives.ReadInt64LittleEndian(payload) is >= 0 and var offset ? offset : null;

    /// <summary>Of <see cref="FrameKind.PortAck"/>.</summary>
    public static byte[] PortAck(int bytes)
    {
        var payload = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(payload, bytes);
        return payload;
    }

    /// <summary>The number of bytes; null if it is malformed.</summary>
    public static int? ReadPortAck(ReadOnlySpan<byte> payload) =>
        payload.Length == sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(payload) is > 0 and var bytes ? bytes : null;
}

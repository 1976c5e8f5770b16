using System.Buffers.Binary;

namespace Berth.Plugins.ShimV2.Ttrpc;

/// <summary>
/// One message of ttrpc: a header of ten bytes (length, stream, type, flags, numbers big-endian) and data of 4 MiB at most.
/// </summary>
/// <param name="Stream">A call: odd, and increasing on a connection.</param>
/// <param name="Type">Request or response.</param>
/// <param name="Data">The protobuf message.</param>
internal sealed record Frame(uint Stream, byte Type, byte[] Data)
{
    public const byte Request = 1, Response = 2;
    public const int HeaderBytes = 10, MaxDataBytes = 4 * 1024 * 1024;

    /// <summary>The whole frame as it goes over the wire.</summary>
    public byte[] ToBytes()
    {
        if (Data.Length > MaxDataBytes)
        {
            throw new InvalidDataException($"a message of {Data.Length} bytes exceeds ttrpc's {MaxDataBytes}");
        }

        var bytes = new byte[HeaderBytes + Data.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), Stream);
        bytes[8] = Type;
        Data.CopyTo(bytes, HeaderBytes);
        return bytes;
    }

    /// <summary>Reads the next frame, or null at an end between two of them.</summary>
    /// <exception cref="InvalidDataException">The data is longer than allowed.</exception>
    /// <exception cref="EndOfStreamException">The end came within a frame.</exception>
    public static async Task<Frame?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        var count = await stream.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (count == 0)
        {
            return null;
        }

        if (count < HeaderBytes)
        {
            throw new EndOfStreamException($"the connection ended after {count} of a header's {HeaderBytes} bytes");
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (length > MaxDataBytes)
        {
            throw new InvalidDataException($"a message of {length} bytes is announced; ttrpc allows {MaxDataBytes}");
        }

        var data = new byte[length];
        await stream.ReadExactlyAsync(data, cancellationToken).ConfigureAwait(false);
        return new(BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)), header[8], data);
    }
}

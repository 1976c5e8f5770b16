using System.Buffers.Binary;
using Berth.Linux;

namespace Berth.Remoting.Wire;

/// <summary>What a frame is for.</summary>
public enum FrameKind : byte
{
    /// <summary>Asks; the other side answers with the same number.</summary>
    Call = 1,

    /// <summary>Answers a call.</summary>
    Answer = 2,

    /// <summary>The caller no longer waits; an answer may still come.</summary>
    Cancel = 3,

    /// <summary>Tells, without an answer.</summary>
    Notice = 4,
}

/// <summary>
/// One message: 16 bytes of header (length of the body, kind, count of descriptors, two zero bytes, the call's number; little-endian)
/// and a body in JSON. Descriptors are sent with the header's first byte.
/// </summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Call">The call's number, given by the caller.</param>
/// <param name="Body">JSON.</param>
/// <param name="Descriptors">The receiver's to close.</param>
public sealed record Frame(FrameKind Kind, ulong Call, ReadOnlyMemory<byte> Body, IReadOnlyList<SafeFd> Descriptors)
{
    /// <summary>Bytes of a header.</summary>
    public const int HeaderSize = 16;

    /// <summary>
    /// The longest body. A state record has at most 64 KiB, so a pod with a hundred containers can be restored in one call.
    /// </summary>
    public const int LongestBody = 8 << 20;

    internal static void WriteHeader(Span<byte> header, FrameKind kind, int descriptors, ulong call, int length)
    {
        header.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(header, length);
        header[4] = (byte)kind;
        header[5] = (byte)descriptors;
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], call);
    }

    /// <exception cref="InvalidDataException">It is no header of ours.</exception>
    internal static (FrameKind Kind, int Descriptors, ulong Call, int Length) ReadHeader(ReadOnlySpan<byte> header)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        var kind = (FrameKind)header[4];
        return length is >= 0 and <= LongestBody && Enum.IsDefined(kind) && header[5] <= SocketMessages.MostDescriptors && header[6] == 0 && header[7] == 0
            ? (kind, header[5], BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), length)
            : throw new InvalidDataException($"{Convert.ToHexString(header)} is no header of a frame");
    }
}

using System.Buffers.Binary;
using System.Text;

namespace Berth.Streaming.Spdy;

/// <summary>A header block as it is before compression: a count, then names and values, each with its length.</summary>
internal static class SpdyHeaders
{
    /// <summary>What a block may hold; the real ones have three short headers.</summary>
    public const int MaxBytes = 16 * 1024;

    private const int MaxHeaders = 64;

    /// <summary>Reads a block. Names are in lower case; several values of one name are joined by NUL bytes.</summary>
    public static IReadOnlyDictionary<string, string> Parse(ReadOnlySpan<byte> block)
    {
        var count = ReadNumber(ref block);
        if (count > MaxHeaders)
        {
            throw new SpdyException($"{count} headers are more than {MaxHeaders}");
        }

        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0u; i < count; i++)
        {
            var name = ReadText(ref block);
            if (name.Length == 0 || name.Any(char.IsAsciiLetterUpper) || !headers.TryAdd(name, ReadText(ref block)))
            {
                throw new SpdyException("a header's name is empty, not in lower case, or there twice");
            }
        }

        return block.IsEmpty ? headers : throw new SpdyException("bytes follow the last header");
    }

    /// <summary>Writes a block.</summary>
    public static byte[] Format(IReadOnlyDictionary<string, string> headers)
    {
        using var block = new MemoryStream();
        WriteNumber(block, headers.Count);
        foreach (var text in headers.SelectMany(static h => (string[])[h.Key, h.Value]))
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            WriteNumber(block, bytes.Length);
            block.Write(bytes);
        }

        return block.ToArray();
    }

    private static string ReadText(ref ReadOnlySpan<byte> block)
    {
        var length = ReadNumber(ref block);
        if (length > (uint)block.Length)
        {
            throw new SpdyException("a header is longer than its block");
        }

        var text = Encoding.UTF8.GetString(block[..(int)length]);
        block = block[(int)length..];
        return text;
    }

    private static uint ReadNumber(ref ReadOnlySpan<byte> block)
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(block, out var number))
        {
            throw new SpdyException("the header block ends too early");
        }

        block = block[4..];
        return number;
    }

    private static void WriteNumber(MemoryStream block, int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        block.Write(bytes);
    }
}

using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>An entry of a tar archive.</summary>
public sealed record TarMember
{
    /// <summary>The path, without a slash before it.</summary>
    public required byte[] Name { get; init; }

    /// <summary>As ustar has them: 0 file, 1 hard link, 2 symbolic link, 3 and 4 devices, 5 folder, 6 FIFO.</summary>
    public required char Kind { get; init; }

    /// <summary>Of links.</summary>
    public byte[] LinkTarget { get; init; } = [];

    /// <summary>The permission bits.</summary>
    public int Mode { get; init; }

    /// <summary>The owner.</summary>
    public uint Uid { get; init; }

    /// <summary>The group.</summary>
    public uint Gid { get; init; }

    /// <summary>Bytes of content.</summary>
    public long Size { get; init; }

    /// <summary>Since 1970.</summary>
    public long ModifiedSeconds { get; init; }

    /// <summary>Of devices.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Of devices.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>Extended attributes, with values of any bytes.</summary>
    public IReadOnlyList<KeyValuePair<byte[], byte[]>> Attributes { get; init; } = [];
}

/// <summary>
/// The pax interchange format (pax(1), POSIX): ustar headers, and before them records for what these cannot hold. Names and
/// attribute values are bytes: what the base library writes must be text.
/// </summary>
public static class TarArchive
{
    /// <summary>All is filled up to a multiple of it.</summary>
    public const int Block = 512;
    private const int NameRoom = 100;
    private const long LargestSize = 0x1_FFFF_FFFF, LargestId = 0x1F_FFFF;

    /// <summary>Writes the headers of an entry.</summary>
    public static void Write(Stream target, TarMember entry)
    {
        var records = Records(entry);
        if (records.Length > 0)
        {
            target.Write(Ustar(new() { Name = "pax"u8.ToArray(), Kind = 'x', Mode = 0x1A4, Size = records.Length }));
            target.Write(records);
            Pad(target, records.Length);
        }

        target.Write(Ustar(entry));
    }

    /// <summary>Fills up the last block of a content.</summary>
    public static void Pad(Stream target, long length)
    {
        var rest = (int)(length % Block);
        if (rest > 0)
        {
            target.Write(new byte[Block - rest]);
        }
    }

    /// <summary>Two blocks of zeros.</summary>
    public static void End(Stream target) => target.Write(new byte[2 * Block]);

    private static byte[] Records(TarMember entry)
    {
        using var records = new MemoryStream();
        AddText(entry.Name.Length > NameRoom, "path", entry.Name);
        AddText(entry.LinkTarget.Length > NameRoom, "linkpath", entry.LinkTarget);
        AddNumber(entry.Size > LargestSize, "size", entry.Size);
        AddNumber(entry.Uid > LargestId, "uid", entry.Uid);
        AddNumber(entry.Gid > LargestId, "gid", entry.Gid);
        AddNumber(entry.ModifiedSeconds is < 0 or > LargestSize, "mtime", entry.ModifiedSeconds);
        foreach (var (key, value) in entry.Attributes)
        {
            Add([.. "SCHILY.xattr."u8, .. key], value);
        }

        return records.ToArray();

        void AddText(bool needed, string key, byte[] value)
        {
            if (needed)
            {
                Add(Encoding.ASCII.GetBytes(key), value);
            }
        }

        void AddNumber(bool needed, string key, long value) => AddText(needed, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));

        // "length key=value\n", where the length counts itself.
        void Add(byte[] key, byte[] value)
        {
            var rest = key.Length + value.Length + 3;
            var length = rest + Digits(rest);
            length = rest + Digits(length);
            records.Write(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture) + " "));
            records.Write(key);
            records.WriteByte((byte)'=');
            records.Write(value);
            records.WriteByte((byte)'\n');
        }
    }

    private static int Digits(int number) => number.ToString(CultureInfo.InvariantCulture).Length;

    private static byte[] Ustar(TarMember entry)
    {
        var header = new byte[Block];
        Cut(entry.Name).CopyTo(header, 0);
        Octal(100, 8, entry.Mode & 0xFFF);
        Octal(108, 8, entry.Uid > LargestId ? 0 : entry.Uid);
        Octal(116, 8, entry.Gid > LargestId ? 0 : entry.Gid);
        Octal(124, 12, entry.Size > LargestSize ? 0 : entry.Size);
        Octal(136, 12, Math.Clamp(entry.ModifiedSeconds, 0, LargestSize));
        header[156] = (byte)entry.Kind;
        Cut(entry.LinkTarget).CopyTo(header, 157);
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        Octal(329, 8, entry.DeviceMajor);
        Octal(337, 8, entry.DeviceMinor);
        // The sum is made over blanks in its own place.
        header.AsSpan(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in header)
        {
            sum += value;
        }

        Octal(148, 7, sum);
        return header;

        void Octal(int at, int room, long value)
        {
            var text = Convert.ToString(value, 8).PadLeft(room - 1, '0');
            Encoding.ASCII.GetBytes(text, header.AsSpan(at));
            header[at + room - 1] = 0;
        }
    }

    private static byte[] Cut(byte[] text) => text.Length > NameRoom ? text[..NameRoom] : text;
}

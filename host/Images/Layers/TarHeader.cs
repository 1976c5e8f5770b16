namespace Berth.Images.Layers;

/// <summary>A 512-byte header as it is: POSIX.1-1988 ustar, GNU tar's variant of it, or the older form without magic.</summary>
internal readonly ref struct TarHeader(ReadOnlySpan<byte> block)
{
    public const int Size = 512;

    // The offset of GNU's sparse table (4 entries), its "more follows" flag and the file's real length.
    private const int GnuSparseTable = 386, GnuSparseMore = 482, GnuRealLength = 483;

    private readonly ReadOnlySpan<byte> _block = block;

    public byte TypeFlag => _block[156];

    public int Mode => (int)(Number(_block.Slice(100, 8)) & 0xFFF);

    public long Uid => Number(_block.Slice(108, 8));

    public long Gid => Number(_block.Slice(116, 8));

    public long Length => Number(_block.Slice(124, 12));

    public long Modified => Number(_block.Slice(136, 12));

    public byte[] LinkName => Text(_block.Slice(157, 100)).ToArray();

    public long DeviceMajor => HasMagic ? Number(_block.Slice(329, 8)) : 0;

    public long DeviceMinor => HasMagic ? Number(_block.Slice(337, 8)) : 0;

    public bool GnuSparseContinues => _block[GnuSparseMore] != 0;

    public long GnuSparseRealLength => Number(_block.Slice(GnuRealLength, 12));

    public ReadOnlySpan<byte> GnuSparseEntries => _block.Slice(GnuSparseTable, 96);

    // "ustar\0" is POSIX's, "ustar " GNU's.
    private bool HasMagic => _block.Slice(257, 5).SequenceEqual("ustar"u8);

    private bool IsPosix => HasMagic && _block[262] == 0;

    /// <summary>The name; POSIX has its first part in a field of its own.</summary>
    public byte[] Name()
    {
        var name = Text(_block[..100]);
        var prefix = IsPosix ? Text(_block.Slice(345, 155)) : [];
        return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    /// <summary>The sum of all bytes with the sum itself as spaces; some old writers summed signed bytes.</summary>
    public bool HasValidChecksum()
    {
        var stored = Number(_block.Slice(148, 8));
        long unsigned = 0, signed = 0;
        for (var i = 0; i < Size; i++)
        {
            var value = i is >= 148 and < 156 ? (byte)' ' : _block[i];
            unsigned += value;
            signed += (sbyte)value;
        }

        return stored == unsigned || stored == signed;
    }

    /// <summary>A numeric field: octal text, or with the top bit set a big-endian number in two's complement (GNU).</summary>
    public static long Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
        {
            return Binary(field);
        }

        var text = field.Trim((byte)' ').TrimEnd((byte)0).TrimEnd((byte)' ');
        var end = text.IndexOf((byte)0);
        text = end < 0 ? text : text[..end];
        long value = 0;
        foreach (var digit in text)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value >> 60 != 0)
            {
                throw new InvalidDataException("a number in a tar header is not octal");
            }

            value = (value << 3) | (long)(digit - '0');
        }

        return value;
    }

    private static long Binary(ReadOnlySpan<byte> field)
    {
        // Bit 7 of the first byte marks the form, bit 6 is the sign; 63 bits are all that we take.
        long value = (field[0] & 0x40) != 0 ? -1 : 0;
        value = (value << 6) | (long)(field[0] & 0x3F);
        foreach (var next in field[1..])
        {
            if (value >> 55 is not (0 or -1))
            {
                throw new InvalidDataException("a number in a tar header is too large");
            }

            value = (value << 8) | next;
        }

        return value;
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }
}

namespace Berth.Images.Layers;

/// <summary>Puts an entry together: PAX records win over GNU's long names, and those over the header.</summary>
internal static class TarEntryBuilder
{
    public static TarEntry Build(ReadOnlySpan<byte> block, PaxRecords pax, byte[]? longName, byte[]? longLink)
    {
        var header = new TarHeader(block);
        var name = pax.Value("path") ?? longName ?? header.Name();
        var type = Type(header.TypeFlag, name);
        // A hard link may claim a length (POSIX leaves that to the writer), but its content was stored with the first name.
        var stored = type == TarEntryType.File ? pax.Number("size") ?? header.Length : 0;
        if (stored < 0)
        {
            throw new InvalidDataException("an entry has a negative length");
        }

        var (seconds, nanoseconds) = pax.Time("mtime") ?? (header.Modified, 0);
        return new()
        {
            Type = type,
            Name = WithoutNul(name),
            LinkName = type is TarEntryType.HardLink or TarEntryType.Symlink ? WithoutNul(pax.Value("linkpath") ?? longLink ?? header.LinkName) : [],
            Mode = header.Mode,
            Uid = Id(pax.Number("uid") ?? header.Uid),
            Gid = Id(pax.Number("gid") ?? header.Gid),
            ModifiedSeconds = seconds,
            ModifiedNanoseconds = nanoseconds,
            DeviceMajor = IsDevice(type) ? DeviceNumber(header.DeviceMajor, 0xFFF) : 0,
            DeviceMinor = IsDevice(type) ? DeviceNumber(header.DeviceMinor, 0xFFFFF) : 0,
            FileLength = stored,
            StoredLength = stored,
            Attributes = pax.Attributes,
        };
    }

    private static TarEntryType Type(byte flag, byte[] name) => (char)flag switch
    {
        // Before POSIX a folder was a file whose name ends in a slash.
        '0' or '\0' => name is [.., (byte)'/'] ? TarEntryType.Folder : TarEntryType.File,
        '7' or 'S' => TarEntryType.File,
        '1' => TarEntryType.HardLink,
        '2' => TarEntryType.Symlink,
        '3' => TarEntryType.CharacterDevice,
        '4' => TarEntryType.BlockDevice,
        '5' => TarEntryType.Folder,
        '6' => TarEntryType.Fifo,
        _ => throw new InvalidDataException($"an entry has the unknown type 0x{flag:x2}"),
    };

    private static bool IsDevice(TarEntryType type) => type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice;

    // 2^32-1 is "no change" to chown(2).
    private static uint Id(long id) => id is >= 0 and < uint.MaxValue ? (uint)id : throw new InvalidDataException($"an entry's owner {id} is no user or group id");

    // The kernel has 12 bits for major numbers and 20 for minor ones.
    private static uint DeviceNumber(long number, long largest) =>
        number >= 0 && number <= largest ? (uint)number : throw new InvalidDataException($"an entry's device number {number} is out of range");

    private static byte[] WithoutNul(byte[] name) =>
        name.AsSpan().Contains((byte)0) ? throw new InvalidDataException("a name holds a NUL byte") : name;
}

namespace Berth.Images.Layers;

/// <summary>What a tar entry makes.</summary>
internal enum TarEntryType
{
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Folder,
    Fifo,
}

/// <summary>A run of stored bytes and its place in the file.</summary>
internal readonly record struct TarDataRun(long Offset, long Length);

/// <summary>An extended attribute as stored.</summary>
internal readonly record struct TarAttribute(byte[] Key, byte[] Value);

/// <summary>One entry of an archive, with all its headers put together. Names are bytes: not every name is UTF-8.</summary>
internal sealed record TarEntry
{
    public required TarEntryType Type { get; init; }

    public required byte[] Name { get; init; }

    /// <summary>The target of a link.</summary>
    public byte[] LinkName { get; init; } = [];

    public required int Mode { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    public long ModifiedSeconds { get; init; }

    public int ModifiedNanoseconds { get; init; }

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }

    /// <summary>The length of the file that the entry makes.</summary>
    public long FileLength { get; init; }

    /// <summary>Bytes that follow in the archive; less than the length for a sparse file.</summary>
    public long StoredLength { get; init; }

    /// <summary>Where the stored bytes go; null for a file stored whole.</summary>
    public IReadOnlyList<TarDataRun>? DataRuns { get; init; }

    public IReadOnlyList<TarAttribute> Attributes { get; init; } = [];
}

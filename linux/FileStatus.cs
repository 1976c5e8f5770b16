using System.Runtime.InteropServices;
using System.Text;
using static Berth.Linux.Libc;

namespace Berth.Linux;

/// <summary>What kind of file a name is.</summary>
public enum FileKind
{
    /// <summary>A regular file.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link.</summary>
    Symlink,

    /// <summary>A character device.</summary>
    CharacterDevice,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A named pipe.</summary>
    Fifo,

    /// <summary>A Unix socket.</summary>
    Socket,

    /// <summary>What later kernels may bring.</summary>
    Other,
}

/// <summary>A moment as the kernel keeps it; before 1970 the seconds are negative.</summary>
public readonly record struct FileTime(long Seconds, int Nanoseconds);

/// <summary>What the kernel says of a file: statx(2).</summary>
public readonly record struct FileStatus
{
    /// <summary>What it is.</summary>
    public FileKind Kind { get; init; }

    /// <summary>Permission bits with setuid, setgid and sticky.</summary>
    public int Mode { get; init; }

    /// <summary>The owner.</summary>
    public uint Uid { get; init; }

    /// <summary>The group.</summary>
    public uint Gid { get; init; }

    /// <summary>The length in bytes.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Bytes that it takes on the disk.</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>The inode; with links above 1 it has several names.</summary>
    public ulong Inode { get; init; }

    /// <summary>The file system that it is on, as stat(2)'s st_dev: with <see cref="Inode"/> it names the file.</summary>
    public ulong FileSystem { get; init; }

    /// <summary>How many names it has.</summary>
    public uint Links { get; init; }

    /// <summary>The last modification.</summary>
    public FileTime Modified { get; init; }

    /// <summary>Of a device.</summary>
    public uint DeviceMajor { get; init; }

    /// <summary>Of a device.</summary>
    public uint DeviceMinor { get; init; }

    /// <summary>overlayfs's mark for a name that hides what is below: a character device 0:0.</summary>
    public bool IsWhiteout => Kind == FileKind.CharacterDevice && DeviceMajor == 0 && DeviceMinor == 0;

    /// <summary>Whether group or others may write; means nothing of a link.</summary>
    public bool IsWritableByOthers => (Mode & 0x12) != 0;

    /// <summary>Of a path; null if there is nothing.</summary>
    public static FileStatus? Find(string path, bool followLink = true) =>
        Read(AT_FDCWD, Encoding.UTF8.GetBytes(path), followLink ? 0 : AT_SYMLINK_NOFOLLOW);

    /// <summary>Of an open file.</summary>
    public static FileStatus Of(SafeFd file) => Read(file.Number, [], 0)!.Value;

    // struct statx is 256 bytes, at the same offsets on every architecture.
    internal static unsafe FileStatus? Read(int folder, ReadOnlySpan<byte> name, int flags)
    {
        var result = stackalloc byte[256];
        fixed (byte* native = FilesAt.Native(name, stackalloc byte[NativeName.Length(name)]))
        {
            if (statx(folder, native, flags | AT_EMPTY_PATH, STATX_BASIC_STATS, result) != 0)
            {
                var errno = Marshal.GetLastPInvokeError();
                return errno is ENOENT or ENOTDIR ? null : throw new LinuxException("statx", Encoding.UTF8.GetString(name), errno);
            }
        }

        var mode = *(ushort*)(result + 28);
        return new FileStatus
        {
            Kind = KindOf(mode & S_IFMT),
            Mode = mode & 0xFFF,
            Links = *(uint*)(result + 16),
            Uid = *(uint*)(result + 20),
            Gid = *(uint*)(result + 24),
            Inode = *(ulong*)(result + 32),
            SizeBytes = *(long*)(result + 40),
            AllocatedBytes = *(long*)(result + 48) * 512,
            Modified = new(*(long*)(result + 112), *(int*)(result + 120)),
            FileSystem = ((ulong)*(uint*)(result + 136) << 32) | *(uint*)(result + 140),
            DeviceMajor = *(uint*)(result + 128),
            DeviceMinor = *(uint*)(result + 132),
        };
    }

    private static FileKind KindOf(int format) => format switch
    {
        S_IFREG => FileKind.Regular,
        S_IFDIR => FileKind.Folder,
        S_IFLNK => FileKind.Symlink,
        S_IFCHR => FileKind.CharacterDevice,
        S_IFBLK => FileKind.BlockDevice,
        S_IFIFO => FileKind.Fifo,
        S_IFSOCK => FileKind.Socket,
        _ => FileKind.Other,
    };
}

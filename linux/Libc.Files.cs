using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>The calls on files that take a folder's descriptor, and those on extended attributes and file systems.</summary>
internal static unsafe partial class Libc
{
    // errno.h
    internal const int EFBIG = 27, ENAMETOOLONG = 36, ENOTSUP = EOPNOTSUPP;

    // sys/stat.h
    internal const int S_IFMT = 0xF000, S_IFIFO = 0x1000, S_IFCHR = 0x2000, S_IFDIR = 0x4000, S_IFBLK = 0x6000, S_IFREG = 0x8000, S_IFLNK = 0xA000, S_IFSOCK = 0xC000;
    internal const uint STATX_BASIC_STATS = 0x7FF;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mkdirat(int folder, byte* name, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mknodat(int folder, byte* name, uint mode, ulong device);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fchmodat(int folder, byte* name, uint mode, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int utimensat(int folder, byte* name, Timespec* times, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int statx(int folder, byte* name, int flags, uint mask, void* result);

    // unistd.h, stdio.h, dirent.h
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fchownat(int folder, byte* name, uint uid, uint gid, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int symlinkat(byte* target, int folder, byte* name);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int linkat(int oldFolder, byte* oldName, int newFolder, byte* newName, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int unlinkat(int folder, byte* name, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int renameat(int oldFolder, byte* oldName, int newFolder, byte* newName);

    internal const uint RENAME_EXCHANGE = 2;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int renameat2(int oldFolder, byte* oldName, int newFolder, byte* newName, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint readlinkat(int folder, byte* name, byte* buffer, nint size);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint getdents64(int folder, byte* buffer, nint size);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ftruncate(int fd, long length);

    // linux/falloc.h
    internal const int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fallocate(int fd, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial long lseek(int fd, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint copy_file_range(int from, long* fromOffset, int to, long* toOffset, nint length, uint flags);

    // sys/xattr.h
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int lsetxattr(byte* path, byte* name, byte* value, nint size, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint lgetxattr(byte* path, byte* name, byte* value, nint size);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint llistxattr(byte* path, byte* list, nint size);

    // sys/statvfs.h: eleven words, the same on every 64-bit architecture; f_frsize, f_blocks, f_bavail, f_files and f_favail are read
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statvfs(string path, ulong* result);

    [StructLayout(LayoutKind.Sequential)]
    internal struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}

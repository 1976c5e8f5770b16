using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using static Berth.Linux.Libc;

namespace Berth.Linux;

/// <summary>
/// Makes and reads files by one name within an open folder. A name is a single component given as bytes, so no path is
/// walked and no link is followed; an empty name is the folder itself where that makes sense.
/// </summary>
public static unsafe class FilesAt
{
    private const ulong RESOLVE_NO_XDEV = 0x01, RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_NO_SYMLINKS = 0x04, RESOLVE_BENEATH = 0x08, RESOLVE_IN_ROOT = 0x10;

    /// <summary>Opens a folder beneath another, by a path without links; an empty path is the folder itself.</summary>
    public static SafeFd OpenFolder(SafeFd root, ReadOnlySpan<byte> path) =>
        OpenAt2(root, path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    /// <summary>The same, but relative links are followed as long as the kernel finds that they stay beneath the root.</summary>
    public static SafeFd OpenFolderThroughLinks(SafeFd root, ReadOnlySpan<byte> path) =>
        OpenAt2(root, path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);

    /// <summary>Opens a subfolder for a walk: no link, no other mount.</summary>
    public static SafeFd OpenSubfolder(SafeFd folder, ReadOnlySpan<byte> name) =>
        OpenAt2(folder, name, O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

    /// <summary>Opens a regular file beneath a folder for reading, by a path without links. What is no regular file is not waited for (ENODEV).</summary>
    public static SafeFd OpenRegular(SafeFd folder, ReadOnlySpan<byte> path)
    {
        var file = OpenAt2(folder, path, O_RDONLY | O_NONBLOCK, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        if (FileStatus.Of(file).Kind == FileKind.Regular)
        {
            return file;
        }

        file.Dispose();
        throw new LinuxException("open", $"{NativeName.Show(path)} (not a regular file)", ENODEV);
    }

    /// <summary>
    /// Names a file or folder as a process whose root is <paramref name="root"/> would, without opening it: a device or a
    /// FIFO is left alone (O_PATH). A link at the end of the path is followed if asked for.
    /// </summary>
    public static SafeFd Locate(SafeFd root, ReadOnlySpan<byte> path, bool followLast) =>
        OpenAt2(root, path, O_PATH | (followLast ? 0 : O_NOFOLLOW), 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

    /// <summary>Creates a new, empty regular file for writing; an existing name is an error (EEXIST).</summary>
    public static SafeFd CreateFile(SafeFd folder, ReadOnlySpan<byte> name) =>
        OpenAt2(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0x180, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    /// <summary>Opens a file beneath a folder for reading, by a path without links. Never waits on a FIFO; what it is, the caller must look at.</summary>
    public static SafeFd OpenFile(SafeFd root, ReadOnlySpan<byte> path) =>
        OpenAt2(root, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    /// <summary>Creates a folder with mode 0700 for now; false if the name exists.</summary>
    public static bool TryCreateFolder(SafeFd folder, ReadOnlySpan<byte> name)
    {
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        {
            return mkdirat(folder.Number, native, 0x1C0) == 0 || (Marshal.GetLastPInvokeError() == EEXIST ? false : throw Last("mkdirat", name));
        }
    }

    /// <summary>Creates a device node or FIFO with mode 0600 for now.</summary>
    public static void CreateNode(SafeFd folder, ReadOnlySpan<byte> name, FileKind kind, uint major, uint minor)
    {
        var type = kind switch { FileKind.CharacterDevice => S_IFCHR, FileKind.BlockDevice => S_IFBLK, _ => S_IFIFO };
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        {
            Check(mknodat(folder.Number, native, (uint)type | 0x180, Device(major, minor)), "mknodat", name);
        }
    }

    /// <summary>Creates a symbolic link; its target is only text.</summary>
    public static void CreateSymlink(SafeFd folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        fixed (byte* nativeTarget = Native(target, stackalloc byte[NativeName.Length(target)]))
        {
            Check(symlinkat(nativeTarget, folder.Number, native), "symlinkat", name);
        }
    }

    /// <summary>Gives an existing file (not what a link points at) another name.</summary>
    public static void CreateHardLink(SafeFd oldFolder, ReadOnlySpan<byte> oldName, SafeFd newFolder, ReadOnlySpan<byte> newName)
    {
        fixed (byte* native = Native(oldName, stackalloc byte[NativeName.Length(oldName)]))
        fixed (byte* nativeNew = Native(newName, stackalloc byte[NativeName.Length(newName)]))
        {
            Check(linkat(oldFolder.Number, native, newFolder.Number, nativeNew, 0), "linkat", newName);
        }
    }

    /// <summary>Moves a name to another folder of the same file system, replacing a file there.</summary>
    public static void Rename(SafeFd oldFolder, ReadOnlySpan<byte> oldName, SafeFd newFolder, ReadOnlySpan<byte> newName)
    {
        fixed (byte* native = Native(oldName, stackalloc byte[NativeName.Length(oldName)]))
        fixed (byte* nativeNew = Native(newName, stackalloc byte[NativeName.Length(newName)]))
        {
            Check(renameat(oldFolder.Number, native, newFolder.Number, nativeNew), "renameat", newName);
        }
    }

    /// <summary>Puts each of two names, which must both exist, in the other's place, in one step: renameat2(2).</summary>
    public static void Exchange(SafeFd oldFolder, ReadOnlySpan<byte> oldName, SafeFd newFolder, ReadOnlySpan<byte> newName)
    {
        fixed (byte* native = Native(oldName, stackalloc byte[NativeName.Length(oldName)]))
        fixed (byte* nativeNew = Native(newName, stackalloc byte[NativeName.Length(newName)]))
        {
            Check(renameat2(oldFolder.Number, native, newFolder.Number, nativeNew, RENAME_EXCHANGE), "renameat2", newName);
        }
    }

    /// <summary>Removes a name that is no folder.</summary>
    public static void Unlink(SafeFd folder, ReadOnlySpan<byte> name) => Unlink(folder, name, 0);

    /// <summary>Removes an empty folder.</summary>
    public static void RemoveFolder(SafeFd folder, ReadOnlySpan<byte> name) => Unlink(folder, name, AT_REMOVEDIR);

    /// <summary>What a name is, or null if there is none. A link is not followed.</summary>
    public static FileStatus? Status(SafeFd folder, ReadOnlySpan<byte> name) => FileStatus.Read(folder.Number, name, AT_SYMLINK_NOFOLLOW);

    /// <summary>Sets the owner; of a link, not of its target.</summary>
    public static void SetOwner(SafeFd folder, ReadOnlySpan<byte> name, uint uid, uint gid)
    {
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        {
            Check(fchownat(folder.Number, native, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH), "fchownat", name);
        }
    }

    /// <summary>Sets the permission bits of a name that is no link; after the owner, whose change clears setuid.</summary>
    public static void SetMode(SafeFd folder, ReadOnlySpan<byte> name, int mode)
    {
        var self = name.IsEmpty ? "."u8 : name;
        fixed (byte* native = Native(self, stackalloc byte[NativeName.Length(self)]))
        {
            Check(fchmodat(folder.Number, native, (uint)mode, 0), "fchmodat", name);
        }
    }

    /// <summary>Sets the modification and access times; of a link, not of its target.</summary>
    public static void SetTimes(SafeFd folder, ReadOnlySpan<byte> name, FileTime modified)
    {
        var self = name.IsEmpty ? "."u8 : name;
        var times = stackalloc Timespec[2];
        times[0] = times[1] = new() { Seconds = modified.Seconds, Nanoseconds = modified.Nanoseconds };
        fixed (byte* native = Native(self, stackalloc byte[NativeName.Length(self)]))
        {
            Check(utimensat(folder.Number, native, times, AT_SYMLINK_NOFOLLOW), "utimensat", name);
        }
    }

    /// <summary>The path of an open file or folder within an open root that holds it.</summary>
    public static byte[] PathWithin(SafeFd root, SafeFd file)
    {
        var (top, path) = (PathOf(root), PathOf(file));
        return path.AsSpan().StartsWith(top) && path.Length > top.Length && path[top.Length] == '/' ? path[(top.Length + 1)..]
            : path.AsSpan().SequenceEqual(top) ? []
            : throw new LinuxException("readlinkat", NativeName.Show(path), EXDEV);
    }

    /// <summary>What a symbolic link says.</summary>
    public static byte[] LinkTarget(SafeFd folder, ReadOnlySpan<byte> name) => ReadLink(folder.Number, name);

    internal static SafeFd OpenAt2(SafeFd root, ReadOnlySpan<byte> path, int flags, int mode, ulong resolve)
    {
        var how = stackalloc ulong[3] { (ulong)(uint)(flags | O_CLOEXEC), (ulong)(uint)mode, resolve };
        var self = path.IsEmpty ? "."u8 : path;
        fixed (byte* native = Native(self, stackalloc byte[NativeName.Length(self)]))
        {
            while (true)
            {
                var fd = syscall(SYS_openat2, root.Number, (nint)native, (nint)how, 24, 0);
                if (fd >= 0)
                {
                    return new((int)fd);
                }

                // EAGAIN: a rename elsewhere raced with the resolution; see openat2(2).
                if (Marshal.GetLastPInvokeError() is not (EINTR or EAGAIN))
                {
                    throw Last("openat2", path);
                }
            }
        }
    }

    internal static Span<byte> Native(ReadOnlySpan<byte> name, Span<byte> room)
    {
        NativeName.Copy(name, room);
        return room;
    }

    internal static void Check(int result, string call, ReadOnlySpan<byte> name)
    {
        if (result != 0)
        {
            throw Last(call, name);
        }
    }

    internal static LinuxException Last(string call, ReadOnlySpan<byte> name)
    {
        var errno = Marshal.GetLastPInvokeError();
        return new(call, NativeName.Show(name), errno);
    }

    private static void Unlink(SafeFd folder, ReadOnlySpan<byte> name, int flags)
    {
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        {
            if (unlinkat(folder.Number, native, flags) != 0 && Marshal.GetLastPInvokeError() != ENOENT)
            {
                throw Last("unlinkat", name);
            }
        }
    }

    // See proc_pid_fd(5).
    private static byte[] PathOf(SafeFd file)
    {
        var link = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}"));
        return ReadLink(AT_FDCWD, link);
    }

    private static byte[] ReadLink(int folder, ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[4096];
        fixed (byte* native = Native(name, stackalloc byte[NativeName.Length(name)]))
        fixed (byte* result = buffer)
        {
            var size = readlinkat(folder, native, result, buffer.Length);
            return size >= 0 && size < buffer.Length ? buffer[..(int)size].ToArray() : throw Last("readlinkat", name);
        }
    }

    // glibc's gnu_dev_makedev, see makedev(3).
    private static ulong Device(uint major, uint minor) =>
        (major & 0xFFFUL) << 8 | (major & 0xFFFFF000UL) << 32 | (minor & 0xFFUL) | (minor & 0xFFFFFF00UL) << 12;
}

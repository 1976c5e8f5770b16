using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux;

/// <summary>What a tree takes on the disk.</summary>
public readonly record struct TreeUsage(long Bytes, long Inodes);

/// <summary>Walks trees whose content is not ours: by descriptors, following no link and entering no mount.</summary>
public static class FileTree
{
    // A container can nest folders as deep as it likes; each level of a walk holds a descriptor.
    private const int DeepestWalk = 128;

    /// <summary>Removes a folder with all beneath it; no such folder is success.</summary>
    /// <exception cref="LinuxException">Something beneath it is a mount (EXDEV, EBUSY), or the disk fails.</exception>
    public static void Delete(string folder)
    {
        SafeFd root;
        try
        {
            root = SafeFd.Open(folder, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return;
        }

        using (root)
        {
            // What lies too deep is moved up to the root and goes in the next round.
            var moved = 0;
            do
            {
                moved = 0;
                Empty(root, root, 1, ref moved);
            }
            while (moved > 0);
        }

        if (Libc.rmdir(folder) != 0 && Marshal.GetLastPInvokeError() != Libc.ENOENT)
        {
            throw LinuxException.Last("rmdir", folder);
        }
    }

    /// <summary>Removes a name within a folder, with all beneath it.</summary>
    public static void Delete(SafeFd folder, ReadOnlySpan<byte> name)
    {
        if (FilesAt.Status(folder, name) is not { Kind: FileKind.Folder })
        {
            FilesAt.Unlink(folder, name);
            return;
        }

        using (var sub = FilesAt.OpenSubfolder(folder, name))
        {
            var moved = 0;
            do
            {
                moved = 0;
                Empty(sub, sub, 1, ref moved);
            }
            while (moved > 0);
        }

        FilesAt.RemoveFolder(folder, name);
    }

    /// <summary>Counts the disk space and inodes of a tree, the folder itself included; no such folder is nothing.</summary>
    public static TreeUsage Usage(string folder)
    {
        try
        {
            using var root = SafeFd.Open(folder, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW);
            var seen = new HashSet<ulong>();
            return Count(root, 1, seen);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return default;
        }
    }

    /// <summary>The names within an open folder, without <c>.</c> and <c>..</c>.</summary>
    public static unsafe List<byte[]> Names(SafeFd folder)
    {
        _ = Libc.lseek(folder.Number, 0, 0);
        var names = new List<byte[]>();
        var buffer = stackalloc byte[32 * 1024];
        while (true)
        {
            var size = Libc.getdents64(folder.Number, buffer, 32 * 1024);
            if (size <= 0)
            {
                return size == 0 ? names : throw LinuxException.Last("getdents64", $"fd {folder.Number}");
            }

            // struct linux_dirent64: length at 16, type at 18, name from 19; see getdents(2).
            for (var entry = new ReadOnlySpan<byte>(buffer, (int)size); !entry.IsEmpty;)
            {
                var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[16..]);
                var name = entry[19..length];
                name = name[..name.IndexOf((byte)0)];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                {
                    names.Add(name.ToArray());
                }

                entry = entry[length..];
            }
        }
    }

    private static void Empty(SafeFd folder, SafeFd root, int depth, ref int moved)
    {
        foreach (var name in Names(folder))
        {
            if (FilesAt.Status(folder, name) is not { Kind: FileKind.Folder })
            {
                FilesAt.Unlink(folder, name);
            }
            else if (depth == DeepestWalk)
            {
                moved++;
                FilesAt.Rename(folder, name, root, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".deep-{Guid.NewGuid():N}")));
            }
            else
            {
                using (var sub = FilesAt.OpenSubfolder(folder, name))
                {
                    Empty(sub, root, depth + 1, ref moved);
                }

                FilesAt.RemoveFolder(folder, name);
            }
        }
    }

    // What lies deeper than the walk goes is not counted.
    private static TreeUsage Count(SafeFd folder, int depth, HashSet<ulong> seen)
    {
        var own = FilesAt.Status(folder, []) ?? default;
        var (bytes, inodes) = (own.AllocatedBytes, 1L);
        foreach (var name in Names(folder))
        {
            // A name may vanish under the walk: the tree is a running container's.
            if (FilesAt.Status(folder, name) is not { } status || (status.Links > 1 && status.Kind != FileKind.Folder && !seen.Add(status.Inode)))
            {
                continue;
            }

            var usage = status.Kind == FileKind.Folder && depth < DeepestWalk && TryOpen(folder, name) is { } sub
                ? CountAndClose(sub, depth + 1, seen)
                : new(status.AllocatedBytes, 1);
            bytes += usage.Bytes;
            inodes += usage.Inodes;
        }

        return new(bytes, inodes);
    }

    private static TreeUsage CountAndClose(SafeFd folder, int depth, HashSet<ulong> seen)
    {
        using (folder)
        {
            return Count(folder, depth, seen);
        }
    }

    private static SafeFd? TryOpen(SafeFd folder, byte[] name)
    {
        try
        {
            return FilesAt.OpenSubfolder(folder, name);
        }
        catch (LinuxException e) when (e.Errno is Libc.ENOENT or Libc.ENOTDIR or Libc.ELOOP or Libc.EXDEV)
        {
            return null;
        }
    }
}

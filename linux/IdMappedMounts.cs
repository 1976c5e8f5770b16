using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>Mounts whose files show other owners, with nothing changed on disk: mount_setattr(2), MOUNT_ATTR_IDMAP.</summary>
public static unsafe class IdMappedMounts
{
    // struct mount_attr of linux/mount.h: attr_set, attr_clr, propagation, userns_fd.
    private const int AttributesSize = 32;

    /// <summary>
    /// Makes a file or folder appear at another, existing path, where its owners are what the user namespace makes of them.
    /// What is mounted beneath the folder comes along with the owners that it has.
    /// </summary>
    /// <param name="source">What to show.</param>
    /// <param name="target">Where.</param>
    /// <param name="userNamespace">The path of the user namespace.</param>
    /// <exception cref="LinuxException">EINVAL is the kernel's answer for a file system without such mounts.</exception>
    public static void Bind(string source, string target, string userNamespace)
    {
        using var users = SafeFd.OpenRead(userNamespace);
        using var tree = Clone(source);
        var attributes = stackalloc ulong[4] { Libc.MOUNT_ATTR_IDMAP, 0, 0, (ulong)users.Number };
        fixed (byte* none = "\0"u8)
        {
            if (Libc.syscall(Libc.SYS_mount_setattr, tree.Number, (nint)none, Libc.AT_EMPTY_PATH, (nint)attributes, AttributesSize) != 0)
            {
                throw LinuxException.Last("mount_setattr(MOUNT_ATTR_IDMAP)", source);
            }

            var path = Marshal.StringToCoTaskMemUTF8(target);
            try
            {
                if (Libc.syscall(Libc.SYS_move_mount, tree.Number, (nint)none, Libc.AT_FDCWD, path, Libc.MOVE_MOUNT_F_EMPTY_PATH) != 0)
                {
                    throw LinuxException.Last("move_mount", $"{source} to {target}");
                }
            }
            finally
            {
                Marshal.FreeCoTaskMem(path);
            }
        }
    }

    // A mount that is in no tree yet: only such a one can be given a mapping.
    private static SafeFd Clone(string source)
    {
        var path = Marshal.StringToCoTaskMemUTF8(source);
        try
        {
            var fd = Libc.syscall(Libc.SYS_open_tree, Libc.AT_FDCWD, path, Libc.OPEN_TREE_CLONE | Libc.OPEN_TREE_CLOEXEC | Libc.AT_RECURSIVE, 0, 0);
            return fd >= 0 ? new((int)fd) : throw LinuxException.Last("open_tree", source);
        }
        finally
        {
            Marshal.FreeCoTaskMem(path);
        }
    }
}

using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>Mounting, see mount(2) and umount(2).</summary>
public static class Mounts
{
    private const ulong MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_REMOUNT = 32, MS_BIND = 4096, MS_REC = 16384, MS_PRIVATE = 1 << 18, MS_SHARED = 1 << 20;
    private const int MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;

    /// <summary>Makes an existing file or folder appear at another, existing path.</summary>
    public static void Bind(string source, string target, bool recursive = false) =>
        Mount(source, target, null, MS_BIND | (recursive ? MS_REC : 0), null);

    /// <summary>Makes a bind mount read-only; of mounts beneath it each keeps its own access.</summary>
    public static void MakeReadOnly(string target) => Mount(null, target, null, MS_BIND | MS_REMOUNT | MS_RDONLY, null);

    /// <summary>A tmpfs without devices, setuid or executables.</summary>
    /// <param name="target">An existing folder.</param>
    /// <param name="sizeBytes">The limit.</param>
    /// <param name="mode">Octal text, such as <c>1777</c>.</param>
    public static void Tmpfs(string target, long sizeBytes, string mode) =>
        Mount("shm", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, $"mode={mode},size={sizeBytes}");

    /// <summary>An overlay file system; options beyond one page (4095 bytes) are refused by the kernel.</summary>
    public static void Overlay(string target, string options, bool readOnly = false) =>
        Mount("overlay", target, "overlay", readOnly ? MS_RDONLY : 0, options);

    /// <summary>Makes mounts at or beneath an existing mount point appear in its peers.</summary>
    public static void MakeShared(string target) => Mount(null, target, null, MS_SHARED | MS_REC, null);

    /// <summary>Hides mounts at an existing mount point from other mount namespaces.</summary>
    public static void MakePrivate(string target) => Mount(null, target, null, MS_PRIVATE | MS_REC, null);

    /// <summary>
    /// Detaches what is mounted at the path, all layers of it. Nothing mounted, or no such path, is success.
    /// A symbolic link at the end of the path is not followed.
    /// </summary>
    public static void Unmount(string target)
    {
        while (Libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        {
        }

        var errno = Marshal.GetLastPInvokeError();
        if (errno is not (Libc.EINVAL or Libc.ENOENT or Libc.ENOTDIR))
        {
            throw new LinuxException("umount2", target, errno);
        }
    }

    private static void Mount(string? source, string target, string? type, ulong flags, string? data)
    {
        if (Libc.mount(source, target, type, flags, data) != 0)
        {
            throw LinuxException.Last("mount", $"{type ?? source} on {target}");
        }
    }
}

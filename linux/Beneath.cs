using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// Opens paths that come from outside (images, layers, volumes), resolved inside a root by the kernel: openat2(2).
/// No race with whoever moves folders about, no following of links out of the root.
/// </summary>
public static unsafe class Beneath
{
    private const ulong RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_NO_SYMLINKS = 0x04, RESOLVE_BENEATH = 0x08, RESOLVE_IN_ROOT = 0x10;

    /// <summary>
    /// Opens a file for reading as a process whose root is <paramref name="root"/> would: absolute links start there.
    /// Never waits on a FIFO.
    /// </summary>
    public static SafeFd OpenInRoot(SafeFd root, string path) =>
        OpenAt2(root, path, Libc.O_RDONLY | Libc.O_NONBLOCK, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

    /// <summary>Opens without following any symbolic link, and without leaving the root.</summary>
    internal static SafeFd OpenStrict(SafeFd root, string path, int flags, int mode = 0) =>
        OpenAt2(root, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

    private static SafeFd OpenAt2(SafeFd root, string path, int flags, int mode, ulong resolve)
    {
        var how = stackalloc ulong[3] { (ulong)(uint)(flags | Libc.O_CLOEXEC), (ulong)(uint)mode, resolve };
        var native = Marshal.StringToCoTaskMemUTF8(path);
        try
        {
            while (true)
            {
                var fd = Libc.syscall(Libc.SYS_openat2, root.Number, native, (nint)how, 24, 0);
                if (fd >= 0)
                {
                    return new((int)fd);
                }

                // EAGAIN: a rename elsewhere raced with the resolution; see openat2(2).
                if (Marshal.GetLastPInvokeError() is not (Libc.EINTR or Libc.EAGAIN))
                {
                    throw LinuxException.Last("openat2", path);
                }
            }
        }
        finally
        {
            Marshal.FreeCoTaskMem(native);
        }
    }
}

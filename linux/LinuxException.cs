using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>A system call failed. The message names the call, its object and the reason.</summary>
public sealed class LinuxException : IOException
{
    /// <summary>Creates it from an errno value.</summary>
    public LinuxException(string call, string subject, int errno)
        : base($"{call} {subject}: {new Win32Exception(errno).Message}") => Errno = errno;

    /// <summary>The errno value, see errno(3).</summary>
    public int Errno { get; }

    internal bool Is(int errno) => Errno == errno;

    /// <summary>Whether the object did not exist (ENOENT).</summary>
    public bool IsNotFound => Errno == Libc.ENOENT;

    /// <summary>Whether the kernel refused for lack of privilege (EPERM, EACCES).</summary>
    public bool IsPermission => Errno is Libc.EPERM or Libc.EACCES;

    /// <summary>Whether a symbolic link stood where none may (ELOOP), or led out of the root (EXDEV).</summary>
    public bool IsLink => Errno is Libc.ELOOP or Libc.EXDEV;

    /// <summary>Whether a part of the path is no folder (ENOTDIR).</summary>
    public bool IsNotFolder => Errno == Libc.ENOTDIR;

    /// <summary>Whether the name is taken (EEXIST), by a folder perhaps (EISDIR).</summary>
    public bool IsExisting => Errno is Libc.EEXIST or Libc.EISDIR;

    /// <summary>Whether no name or path can be that long (ENAMETOOLONG), or the file that large (EFBIG).</summary>
    public bool IsTooLong => Errno is Libc.ENAMETOOLONG or Libc.EFBIG;

    /// <summary>Whether the machine has none left: disk, quota, memory, descriptors.</summary>
    public bool IsOutOfResources => Errno is Libc.ENOSPC or 122 or 12 or 23 or 24;

    /// <summary>Whether a descriptor that does not wait would have to (EAGAIN).</summary>
    public bool IsAgain => Errno == Libc.EAGAIN;

    /// <summary>Whether a FIFO that was opened for writing has no reader (ENXIO), see fifo(7).</summary>
    public bool HasNoReader => Errno == Libc.ENXIO;

    /// <summary>Whether nobody reads any more (EPIPE), or the other end of a terminal is gone (EIO).</summary>
    public bool IsBrokenPipe => Errno is Libc.EPIPE or Libc.EIO;

    internal static LinuxException Last(string call, string subject) => new(call, subject, Marshal.GetLastPInvokeError());
}

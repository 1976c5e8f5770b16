using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>An owned file descriptor, always close-on-exec.</summary>
public sealed partial class SafeFd : SafeHandle
{
    /// <summary>For marshalling.</summary>
    public SafeFd() : base(-1, ownsHandle: true)
    {
    }

    /// <summary>Takes ownership of a descriptor.</summary>
    public SafeFd(int fd) : this() => SetHandle(fd);

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>The descriptor's number.</summary>
    public int Number => (int)handle;

    /// <summary>Opens a file; see open(2).</summary>
    public static SafeFd OpenRead(string path) => Open(path, Libc.O_RDONLY);

    /// <summary>Opens an existing file for writing, as it is; for files of the kernel (cgroups, /proc).</summary>
    public static SafeFd OpenWrite(string path) => Open(path, Libc.O_WRONLY);

    /// <summary>Opens a file to write at its end, whoever else writes; it is made with that mode if missing.</summary>
    public static SafeFd OpenAppend(string path, UnixFileMode mode) => Open(path, Libc.O_WRONLY | Libc.O_APPEND | Libc.O_CREAT | Libc.O_NOFOLLOW, (int)mode);

    /// <summary>Makes a FIFO; one that exists stays. See mkfifo(3).</summary>
    public static void MakeFifo(string path, UnixFileMode mode)
    {
        if (Libc.mkfifo(path, (uint)mode) != 0 && Marshal.GetLastPInvokeError() != Libc.EEXIST)
        {
            throw LinuxException.Last("mkfifo", path);
        }
    }

    /// <summary>
    /// Opens one end of a FIFO without waiting for the other, which must be open already: a writer without a reader is
    /// refused (ENXIO), see fifo(7). Reads and writes through it wait.
    /// </summary>
    public static SafeFd OpenFifo(string path, bool forWriting)
    {
        var fd = Open(path, (forWriting ? Libc.O_WRONLY : Libc.O_RDONLY) | Libc.O_NONBLOCK);
        if (Libc.fcntl(fd.Number, Libc.F_SETFL, forWriting ? Libc.O_WRONLY : Libc.O_RDONLY) < 0)
        {
            var failure = LinuxException.Last("fcntl(F_SETFL)", path);
            fd.Dispose();
            throw failure;
        }

        return fd;
    }

    /// <summary>Opens a directory as a root for <see cref="Beneath"/>.</summary>
    public static SafeFd OpenDirectory(string path) => Open(path, Libc.O_RDONLY | Libc.O_DIRECTORY);

    /// <summary>A pipe: what is written to the second end is read from the first; see pipe(2).</summary>
    public static unsafe (SafeFd Read, SafeFd Write) Pipe()
    {
        var fds = stackalloc int[2];
        return Libc.pipe2(fds, Libc.O_CLOEXEC) == 0 ? (new(fds[0]), new(fds[1])) : throw LinuxException.Last("pipe2", "");
    }

    /// <summary>A connected pair of Unix stream sockets; see socketpair(2).</summary>
    public static unsafe (SafeFd Ours, SafeFd Theirs) SocketPair()
    {
        var fds = stackalloc int[2];
        return Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, fds) == 0
            ? (new(fds[0]), new(fds[1]))
            : throw LinuxException.Last("socketpair", "");
    }

    /// <summary>Another descriptor for the same open file, numbered 100 or above so that it lies outside every child's target range.</summary>
    public static SafeFd Duplicate(int fd)
    {
        var copy = Libc.fcntl(fd, Libc.F_DUPFD_CLOEXEC, 100);
        return copy >= 0 ? new(copy) : throw LinuxException.Last("fcntl(F_DUPFD_CLOEXEC)", $"fd {fd}");
    }

    /// <summary>Makes reads and writes return EAGAIN instead of waiting.</summary>
    public void SetNonBlocking()
    {
        var flags = Libc.fcntl(Number, Libc.F_GETFL, 0);
        if (flags < 0 || Libc.fcntl(Number, Libc.F_SETFL, flags | Libc.O_NONBLOCK) < 0)
        {
            throw LinuxException.Last("fcntl(O_NONBLOCK)", $"fd {Number}");
        }
    }

    /// <summary>Writes all bytes; the descriptor must be a blocking one.</summary>
    public unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            fixed (byte* pointer = bytes)
            {
                var written = Libc.write(Number, pointer, bytes.Length);
                if (written >= 0)
                {
                    bytes = bytes[(int)written..];
                }
                else if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                {
                    throw LinuxException.Last("write", $"fd {Number}");
                }
            }
        }
    }

    /// <summary>Reads what is there, at most the buffer: 0 is the end, null that nothing is there yet (non-blocking).</summary>
    public unsafe int? Read(Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            while (true)
            {
                var count = Libc.read(Number, pointer, buffer.Length);
                if (count >= 0)
                {
                    return (int)count;
                }

                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR: continue;
                    case Libc.EAGAIN: return null;
                    case Libc.EIO: return 0; // the other end of a terminal is gone, see pty(7)
                    default: throw LinuxException.Last("read", $"fd {Number}");
                }
            }
        }
    }

    /// <summary>Gives the descriptor away; this object no longer closes it.</summary>
    public int Release()
    {
        var number = Number;
        SetHandleAsInvalid();
        return number;
    }

    internal static SafeFd Open(string path, int flags, int mode = 0)
    {
        while (true)
        {
            var fd = Libc.open(path, flags | Libc.O_CLOEXEC, mode);
            if (fd >= 0)
            {
                return new(fd);
            }

            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw LinuxException.Last("open", path);
            }
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}

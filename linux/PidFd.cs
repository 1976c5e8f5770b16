using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>A process held by a pidfd, safe against reuse of its number; see pidfd_open(2).</summary>
public sealed class PidFd : IDisposable
{
    private readonly SafeFd _fd;

    private PidFd(int pid, SafeFd fd) => (Pid, _fd) = (pid, fd);

    /// <summary>The process id.</summary>
    public int Pid { get; }

    internal SafeFd Handle => _fd;

    /// <summary>Holds the process, or null if it is gone.</summary>
    public static PidFd? TryOpen(int pid)
    {
        var fd = Libc.syscall(Libc.SYS_pidfd_open, pid, 0, 0, 0, 0);
        if (fd >= 0)
        {
            return new(pid, new SafeFd((int)fd));
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno is Libc.ESRCH or Libc.EINVAL ? null : throw new LinuxException("pidfd_open", $"pid {pid}", errno);
    }

    /// <summary>Holds the process only if it is the one that started at that moment (field 22 of proc_pid_stat(5)).</summary>
    public static PidFd? TryOpen(int pid, ulong startTime)
    {
        var held = TryOpen(pid);
        if (held is not null && StartTime(pid) != startTime)
        {
            held.Dispose();
            return null;
        }

        return held;
    }

    /// <summary>The start of a process in clock ticks since boot; 0 if it is gone.</summary>
    public static ulong StartTime(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
            // The name in parentheses may hold anything, so count from the last ')': state is field 3.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return ulong.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>Completes when the process has ended.</summary>
    public Task ExitedAsync(CancellationToken cancellationToken) => Poller.Shared.ReadableAsync(_fd, cancellationToken);

    /// <summary>Sends a signal; false if the process is gone, or this object was disposed of, also by another thread.</summary>
    public bool Signal(int signal)
    {
        var held = false;
        try
        {
            // Keeps the descriptor's number from being closed and taken over during the call.
            _fd.DangerousAddRef(ref held);
            if (Libc.syscall(Libc.SYS_pidfd_send_signal, _fd.Number, signal, 0, 0, 0) == 0)
            {
                return true;
            }

            var errno = Marshal.GetLastPInvokeError();
            return errno == Libc.ESRCH ? false : throw new LinuxException("pidfd_send_signal", $"pid {Pid}", errno);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        finally
        {
            if (held)
            {
                _fd.DangerousRelease();
            }
        }
    }

    /// <summary>A copy of one of the process's descriptors, see pidfd_getfd(2); null if it is closed there, or the process is gone.</summary>
    public SafeFd? TryGetDescriptor(int number)
    {
        var fd = Libc.syscall(Libc.SYS_pidfd_getfd, _fd.Number, number, 0, 0, 0);
        if (fd >= 0)
        {
            return new((int)fd);
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno is Libc.ESRCH or Libc.EBADF ? null : throw new LinuxException("pidfd_getfd", $"pid {Pid}", errno);
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();
}

using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>A pseudo terminal; see pty(7). What is written to the master is typed, what is read from it is shown.</summary>
public sealed class PseudoTerminal : IDisposable
{
    private const int VTIME = 5, VMIN = 6;

    private PseudoTerminal(SafeFd master, SafeFd slave) => (Master, Slave) = (master, slave);

    /// <summary>Our end, non-blocking.</summary>
    public SafeFd Master { get; }

    /// <summary>The child's end; dispose of it once the child has it, or the master never reads an end.</summary>
    public SafeFd Slave { get; }

    /// <summary>Opens a pair, without making it anybody's controlling terminal.</summary>
    public static unsafe PseudoTerminal Open()
    {
        var master = SafeFd.Open("/dev/ptmx", Libc.O_RDWR | Libc.O_NOCTTY | Libc.O_NONBLOCK);
        try
        {
            var locked = 0;
            Check(Libc.ioctl(master.Number, Libc.TIOCSPTLCK, &locked), "ioctl(TIOCSPTLCK)");
            // By descriptor and not by its path, which another mount of devpts may hide; see ioctl_tty(2).
            var slave = Libc.ioctl(master.Number, Libc.TIOCGPTPEER, (void*)(Libc.O_RDWR | Libc.O_NOCTTY | Libc.O_CLOEXEC));
            Check(slave, "ioctl(TIOCGPTPEER)");
            return new(master, new(slave));
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Passes everything through as it is: no echo, no lines, no signals, no carriage returns of its own. For a process that copies to a
    /// terminal of its own and would do the same a moment later, when early input had been echoed and early output changed.
    /// </summary>
    public unsafe void PassThrough()
    {
        Termios settings;
        Check(Libc.ioctl(Slave.Number, Libc.TCGETS, &settings), "ioctl(TCGETS)");
        settings.Input &= ~(Libc.IGNBRK | Libc.BRKINT | Libc.PARMRK | Libc.ISTRIP | Libc.INLCR | Libc.IGNCR | Libc.ICRNL | Libc.IXON);
        settings.Output &= ~Libc.OPOST;
        settings.Local &= ~(Libc.ISIG | Libc.ICANON | Libc.ECHO | Libc.ECHONL | Libc.IEXTEN);
        settings.Characters[VMIN] = 1;
        settings.Characters[VTIME] = 0;
        Check(Libc.ioctl(Slave.Number, Libc.TCSETS, &settings), "ioctl(TCSETS)");
    }

    /// <summary>Sets the size in cells.</summary>
    public void Resize(int columns, int rows)
    {
        if (!TryResize(Master, columns, rows))
        {
            throw LinuxException.Last("ioctl(TIOCSWINSZ)", "/dev/ptmx");
        }
    }

    /// <summary>Sets the size of the terminal behind a descriptor, and its foreground processes are told; false if it is no terminal.</summary>
    public static unsafe bool TryResize(SafeFd terminal, int columns, int rows)
    {
        // struct winsize: rows, columns, and two that nobody uses.
        var size = stackalloc ushort[4] { (ushort)rows, (ushort)columns, 0, 0 };
        return Libc.ioctl(terminal.Number, Libc.TIOCSWINSZ, size) == 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Slave.Dispose();
        Master.Dispose();
    }

    private static void Check(int result, string call)
    {
        if (result < 0)
        {
            throw LinuxException.Last(call, "/dev/ptmx");
        }
    }

    // The kernel's struct termios (asm-generic/termbits.h), which the ioctls take; glibc's is longer.
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Termios
    {
        public uint Input;
        public uint Output;
        public uint Control;
        public uint Local;
        public byte Line;
        public fixed byte Characters[19];
    }
}

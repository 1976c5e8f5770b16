using System.Text;

namespace Berth.Linux;

/// <summary>
/// A Unix socket that takes connections of whole messages (SOCK_SEQPACKET), for programs too small for System.Net.Sockets; see
/// unix(7). Only its owner may connect.
/// </summary>
public sealed unsafe class PacketListener : IDisposable
{
    private const int MaxPathBytes = 107;
    private const int Backlog = 16;

    /// <summary>Listens at a path; what is there is taken for the socket of a process that is gone.</summary>
    public PacketListener(string path)
    {
        var name = Encoding.UTF8.GetBytes(path);
        if (name.Length > MaxPathBytes)
        {
            throw new ArgumentException($"'{path}' is longer than the {MaxPathBytes} bytes of a socket address");
        }

        File.Delete(path);
        var fd = Libc.socket(Libc.AF_UNIX, Libc.SOCK_SEQPACKET | Libc.SOCK_CLOEXEC, 0);
        Fd = fd >= 0 ? new(fd) : throw LinuxException.Last("socket", path);
        var address = stackalloc byte[2 + MaxPathBytes + 1];
        new Span<byte>(address, 2 + MaxPathBytes + 1).Clear();
        *(ushort*)address = Libc.AF_UNIX;
        name.CopyTo(new Span<byte>(address + 2, MaxPathBytes));
        if (Libc.bind(fd, address, (uint)(2 + name.Length + 1)) != 0)
        {
            throw LinuxException.Last("bind", path);
        }

        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (Libc.listen(fd, Backlog) != 0)
        {
            throw LinuxException.Last("listen", path);
        }
    }

    /// <summary>Readable when somebody connects.</summary>
    public SafeFd Fd { get; }

    /// <summary>Takes the next connection.</summary>
    public SafeFd Accept()
    {
        var fd = Libc.accept4(Fd.Number, null, null, Libc.SOCK_CLOEXEC);
        return fd >= 0 ? new(fd) : throw LinuxException.Last("accept4", "");
    }

    /// <inheritdoc/>
    public void Dispose() => Fd.Dispose();
}

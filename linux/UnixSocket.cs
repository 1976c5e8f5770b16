using System.Text;

namespace Berth.Linux;

/// <summary>Unix stream sockets that a child will serve; see unix(7).</summary>
public static unsafe class UnixSocket
{
    // sockaddr_un: the family, then a path of at most 107 bytes and a NUL.
    private const int AddressSize = 110, PathRoom = 107, Backlog = 8;

    /// <summary>
    /// Makes a socket file that listens, for a child to accept on: who connects before the child is ready waits in the queue,
    /// so nobody polls for a file to appear. What was at the path is replaced.
    /// </summary>
    public static SafeFd Listen(string path)
    {
        var bytes = Encoding.UTF8.GetBytes(path);
        if (bytes.Length > PathRoom)
        {
            throw new LinuxException("bind", path, Libc.ENAMETOOLONG);
        }

        File.Delete(path);
        var fd = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
        var socket = fd >= 0 ? new SafeFd(fd) : throw LinuxException.Last("socket", path);
        var address = stackalloc byte[AddressSize];
        new Span<byte>(address, AddressSize).Clear();
        *(ushort*)address = Libc.AF_UNIX;
        bytes.CopyTo(new Span<byte>(address + 2, PathRoom));
        if (Libc.bind(socket.Number, address, (uint)(2 + bytes.Length + 1)) != 0 || Libc.listen(socket.Number, Backlog) != 0)
        {
            var failure = LinuxException.Last("bind", path);
            socket.Dispose();
            throw failure;
        }

        return socket;
    }
}

using System.Text;

namespace Berth.Guest.Agent;

/// <summary>Pipes, sockets and flags.</summary>
internal static unsafe class Descriptors
{
    public static (int Read, int Write) Pipe()
    {
        var ends = stackalloc int[2];
        AgentException.Check(Libc.pipe2(ends, Libc.O_CLOEXEC), "pipe2", "");
        return (ends[0], ends[1]);
    }

    public static void Close(int fd)
    {
        if (fd >= 0)
        {
            _ = Libc.close(fd);
        }
    }

    public static void SetNonBlocking(int fd) =>
        AgentException.Check(Libc.fcntl(fd, Libc.F_SETFL, Libc.fcntl(fd, Libc.F_GETFL, 0) | Libc.O_NONBLOCK), "fcntl", "");

    public static int Duplicate(int fd) => AgentException.Check(Libc.fcntl(fd, Libc.F_DUPFD_CLOEXEC, 3), "fcntl", "");

    /// <summary>A socket that the runtime in the guest connects to, to hand over a terminal.</summary>
    public static int Listen(string path)
    {
        File.Delete(path);
        var fd = AgentException.Check(Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0), "socket", path);
        var address = stackalloc byte[110];
        new Span<byte>(address, 110).Clear();
        *(ushort*)address = Libc.AF_UNIX;
        Encoding.UTF8.GetBytes(path, new Span<byte>(address + 2, 107));
        AgentException.Check(Libc.bind(fd, address, 110), "bind", path);
        AgentException.Check(Libc.listen(fd, 1), "listen", path);
        return fd;
    }

    /// <summary>The descriptor that came with a message (unix(7), SCM_RIGHTS); -1 if none waits.</summary>
    public static int Receive(int listener)
    {
        var connection = Libc.accept4(listener, null, null, Libc.SOCK_CLOEXEC);
        if (connection < 0)
        {
            return -1;
        }

        try
        {
            // struct msghdr: name, name length, vectors, their number, control, its length, flags.
            var data = stackalloc byte[256];
            var control = stackalloc byte[64];
            var vector = stackalloc nint[2];
            vector[0] = (nint)data;
            vector[1] = 256;
            var message = stackalloc nint[7];
            new Span<nint>(message, 7).Clear();
            message[2] = (nint)vector;
            message[3] = 1;
            message[4] = (nint)control;
            message[5] = 64;
            var read = Libc.recvmsg(connection, message, Libc.MSG_CMSG_CLOEXEC);
            // struct cmsghdr: length (8 bytes), level, type, data.
            return read > 0 && message[5] >= 20 && *(int*)(control + 8) == Libc.SOL_SOCKET && *(int*)(control + 12) == Libc.SCM_RIGHTS ? *(int*)(control + 16) : -1;
        }
        finally
        {
            _ = Libc.close(connection);
        }
    }
}

using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// Bytes with file descriptors over a Unix stream socket (SCM_RIGHTS of unix(7)). Descriptors travel with the first byte of
/// the message that they were sent with: who receives that byte has them.
/// </summary>
public static unsafe class SocketMessages
{
    /// <summary>Descriptors in one message at most.</summary>
    public const int MostDescriptors = 8;

    // cmsghdr: length, level, type; the same on x86_64 and arm64.
    private const int ControlHeader = 16, ControlSize = ControlHeader + (MostDescriptors * sizeof(int));

    /// <summary>Sends what there is room for now, at least one byte with the descriptors; null if there is no room.</summary>
    /// <exception cref="LinuxException">Such as <see cref="LinuxException.IsBrokenPipe"/>.</exception>
    public static int? TrySend(SafeFd socket, ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFd> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Count, MostDescriptors);
        var control = stackalloc byte[ControlSize];
        fixed (byte* pointer = bytes)
        {
            var part = new Part { Base = pointer, Length = bytes.Length };
            var header = new Header { Parts = &part, PartCount = 1 };
            if (descriptors.Count > 0)
            {
                var length = ControlHeader + (descriptors.Count * sizeof(int));
                *(nint*)control = length;
                ((int*)control)[2] = Libc.SOL_SOCKET;
                ((int*)control)[3] = Libc.SCM_RIGHTS;
                for (var i = 0; i < descriptors.Count; i++)
                {
                    ((int*)(control + ControlHeader))[i] = descriptors[i].Number;
                }

                header.Control = control;
                header.ControlLength = length;
            }

            while (true)
            {
                var count = Libc.sendmsg(socket.Number, &header, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
                if (count >= 0)
                {
                    return (int)count;
                }

                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR: continue;
                    case Libc.EAGAIN: return null;
                    default: throw LinuxException.Last("sendmsg", $"fd {socket.Number}");
                }
            }
        }
    }

    /// <summary>Receives what is there, with its descriptors: 0 is the end, null that nothing is there yet.</summary>
    /// <exception cref="InvalidDataException">More descriptors came than a message may have.</exception>
    /// <exception cref="LinuxException">The connection is broken.</exception>
    public static int? TryReceive(SafeFd socket, Span<byte> buffer, ICollection<SafeFd> descriptors)
    {
        var control = stackalloc byte[ControlSize];
        fixed (byte* pointer = buffer)
        {
            var part = new Part { Base = pointer, Length = buffer.Length };
            while (true)
            {
                var header = new Header { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlSize };
                var count = Libc.recvmsg(socket.Number, &header, Libc.MSG_DONTWAIT | Libc.MSG_CMSG_CLOEXEC);
                if (count >= 0)
                {
                    Take(control, header, descriptors);
                    return (int)count;
                }

                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR: continue;
                    case Libc.EAGAIN: return null;
                    default: throw LinuxException.Last("recvmsg", $"fd {socket.Number}");
                }
            }
        }
    }

    /// <summary>Whether it is a socket of a stream, see SO_TYPE of socket(7).</summary>
    public static bool IsStream(SafeFd descriptor)
    {
        int type;
        var length = (uint)sizeof(int);
        return Libc.getsockopt(descriptor.Number, Libc.SOL_SOCKET, Libc.SO_TYPE, &type, &length) == 0 && type == Libc.SOCK_STREAM;
    }

    private static void Take(byte* control, Header header, ICollection<SafeFd> descriptors)
    {
        // The only control message that was asked for: credentials come only to sockets with SO_PASSCRED.
        if (header.ControlLength >= ControlHeader && ((int*)control)[2] == Libc.SOL_SOCKET && ((int*)control)[3] == Libc.SCM_RIGHTS)
        {
            var count = (int)(*(nint*)control - ControlHeader) / sizeof(int);
            for (var i = 0; i < count; i++)
            {
                descriptors.Add(new(((int*)(control + ControlHeader))[i]));
            }
        }

        if ((header.Flags & Libc.MSG_CTRUNC) != 0)
        {
            throw new InvalidDataException($"a message came with more than {MostDescriptors} descriptors");
        }
    }

    // struct iovec and struct msghdr on 64 bits.
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Base;
        public nint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public void* Name;
        public uint NameLength;
        public Part* Parts;
        public nint PartCount;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }
}

using System.Runtime.InteropServices;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>
/// The virtio-serial port. While nobody is connected on the host's side, the port hangs up (poll), a read gives 0, and what was
/// written may be lost; and the host may be gone and back before the agent looks. So a connection begins with the host's hello,
/// whatever the port said, and nothing sent before counts.
/// </summary>
internal sealed unsafe class HostLink
{
    private const int ReadBytes = 32 * 1024;

    // Once this much waits for the host, output stays where it is kept.
    private const int EnoughWaiting = 128 * 1024;
    private readonly int _port;
    private readonly FrameReader _reader = new();
    private readonly Queue<byte[]> _outgoing = [];
    private readonly Action<Frame> _received;
    private readonly Action _writable;
    private int _written;
    private int _waiting;

    public HostLink(EventLoop loop, string device, Action<Frame> received, Action writable)
    {
        _port = AgentException.Check(Libc.open(device, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC | Libc.O_NOCTTY), "open", device);
        (_received, _writable) = (received, writable);
        // A hang-up lasts as long as the host is away: it is taken note of once.
        loop.Watch(_port, Libc.EPOLLIN | Libc.EPOLLOUT | Libc.EPOLLET, Happened);
    }

    /// <summary>There is room for output.</summary>
    public bool HasRoom => _waiting < EnoughWaiting;

    /// <summary>Sends a frame.</summary>
    public void Send(Frame frame) => Enqueue(frame.ToBytes());

    /// <summary>Begins a connection: what waits is dropped.</summary>
    public void Restart()
    {
        _outgoing.Clear();
        _waiting = 0;
        _written = 0;
        Enqueue(Frame.Preamble());
    }

    /// <summary>Writes what the host takes.</summary>
    public void Flush()
    {
        while (_outgoing.TryPeek(out var bytes))
        {
            nint count;
            fixed (byte* buffer = bytes)
            {
                count = Libc.write(_port, buffer + _written, bytes.Length - _written);
            }

            if (count <= 0)
            {
                return;
            }

            _written += (int)count;
            _waiting -= (int)count;
            if (_written == bytes.Length)
            {
                _outgoing.Dequeue();
                _written = 0;
            }
        }
    }

    private void Enqueue(byte[] bytes)
    {
        _outgoing.Enqueue(bytes);
        _waiting += bytes.Length;
        Flush();
    }

    private void Happened(uint events)
    {
        Flush();
        Read();
        _writable();
    }

    private void Read()
    {
        var buffer = stackalloc byte[ReadBytes];
        while (true)
        {
            var count = Libc.read(_port, buffer, ReadBytes);
            if (count > 0)
            {
                foreach (var frame in _reader.Read(new(buffer, (int)count)))
                {
                    _received(frame);
                }
            }
            else if (count == 0 || Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                return;
            }
        }
    }
}

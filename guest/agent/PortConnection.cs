using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>A TCP connection to the guest's loopback, carried over the port.</summary>
internal sealed unsafe class PortConnection : IDisposable
{
    private const int ReadBytes = 16 * 1024;
    private readonly EventLoop _loop;
    private readonly Action<FrameKind, byte[]> _send;
    private readonly Action _ended;
    private readonly InputStream _fromHost;
    private int _socket;
    private int _room = ProtocolFacts.InputWindow;
    private bool _watching;
    private bool _writing = true;

    /// <param name="loop">The agent's loop.</param>
    /// <param name="socket">Connected; owned from here on.</param>
    /// <param name="send">Sends a frame to the host.</param>
    /// <param name="ended">Told when both directions are at their end.</param>
    public PortConnection(EventLoop loop, int socket, Action<FrameKind, byte[]> send, Action ended)
    {
        (_loop, _socket, _send, _ended) = (loop, socket, send, ended);
        Descriptors.SetNonBlocking(socket);
        _fromHost = new(loop, Descriptors.Duplicate(socket), n => send(FrameKind.PortAck, OffsetPayload.PortAck(n)), fd =>
        {
            _ = Libc.shutdown(fd, Libc.SHUT_WR);
            Descriptors.Close(fd);
            _writing = false;
            EndIfBothDid();
        });
    }

    /// <summary>Begins to read; the host knows the number.</summary>
    public void Begin() => Watch();

    /// <summary>Bytes from the host; false if it ignores the window.</summary>
    public bool Add(ReadOnlyMemory<byte> bytes) => _fromHost.Add(bytes);

    /// <summary>The host sends no more.</summary>
    public void End() => _fromHost.End();

    /// <summary>The host has taken bytes.</summary>
    public void Acknowledge(int bytes)
    {
        _room = Math.Min(_room + bytes, ProtocolFacts.InputWindow);
        Watch();
    }

    public void Dispose()
    {
        _fromHost.Dispose();
        Close();
    }

    /// <summary>Connects to the loopback; null if nobody listens.</summary>
    public static int? Connect(int port)
    {
        // struct sockaddr_in6: family, port, flow, address, scope; struct sockaddr_in: family, port, address. A connect to the
        // loopback is answered at once, so it may block.
        var address = stackalloc byte[28];
        var bytes = new Span<byte>(address, 28);
        bytes.Clear();
        *(ushort*)address = Libc.AF_INET;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)port);
        bytes[4] = 127;
        bytes[7] = 1;
        if (Connect(Libc.AF_INET, address, 16) is { } socket)
        {
            return socket;
        }

        bytes[4..].Clear();
        *(ushort*)address = Libc.AF_INET6;
        bytes[23] = 1;
        return Connect(Libc.AF_INET6, address, 28);
    }

    private static int? Connect(int family, byte* address, uint length)
    {
        var socket = AgentException.Check(Libc.socket(family, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0), "socket", "");
        if (Libc.connect(socket, address, length) == 0)
        {
            return socket;
        }

        _ = Libc.close(socket);
        return null;
    }

    private void Watch()
    {
        if (!_watching && _socket >= 0 && _room > 0)
        {
            _watching = true;
            _loop.Watch(_socket, Libc.EPOLLIN, _ => Read());
        }
    }

    private void Read()
    {
        var buffer = stackalloc byte[ReadBytes];
        var count = (int)Libc.read(_socket, buffer, Math.Min(ReadBytes, _room));
        if (count > 0)
        {
            _room -= count;
            if (_room == 0)
            {
                _watching = false;
                _loop.Forget(_socket);
            }

            _send(FrameKind.PortData, new Span<byte>(buffer, count).ToArray());
        }
        else if (count == 0)
        {
            Close();
            _send(FrameKind.PortEnd, []);
        }
        else if (Marshal.GetLastPInvokeError() is not (Libc.EAGAIN or Libc.EINTR))
        {
            Close();
            _send(FrameKind.PortReset, []);
        }
    }

    private void Close()
    {
        if (_socket >= 0)
        {
            _loop.Forget(_socket);
            _ = Libc.close(_socket);
            _socket = -1;
            EndIfBothDid();
        }
    }

    private void EndIfBothDid()
    {
        if (!_writing && _socket < 0)
        {
            _ended();
        }
    }
}

using System.Runtime.InteropServices;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>
/// One output stream of a process: read as it comes, kept in a memory file until the host has it. The file's offsets are the
/// stream's; what is acknowledged becomes a hole, so it holds no more memory than there are bytes to keep.
/// <code>
///   0 ── acknowledged (hole) ── sent, in the window ── kept ── end
/// </code>
/// </summary>
internal sealed unsafe class OutputStream : IDisposable
{
    private const int ReadBytes = 32 * 1024;
    private const int PageBytes = 4096;

    // A line is sent at once if the host has all before it; otherwise lines gather until it has, or until there are so many bytes.
    private const int GatherBytes = 8 * 1024;
    private readonly EventLoop _loop;
    private readonly Action _changed;
    private readonly int _file = AgentException.Check(Libc.memfd_create("output", Libc.MFD_CLOEXEC), "memfd_create", "");
    private int _source;
    private bool _paused;
    private long _punched;

    public OutputStream(EventLoop loop, int source, Action changed)
    {
        (_loop, _source, _changed) = (loop, source, changed);
        if (source >= 0)
        {
            Descriptors.SetNonBlocking(source);
            loop.Watch(source, Libc.EPOLLIN, _ => Take());
        }
    }

    /// <summary>Bytes that came.</summary>
    public long End { get; private set; }

    /// <summary>Bytes that the host has.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Bytes that were sent in this connection or before.</summary>
    public long Sent { get; private set; }

    /// <summary>No more will come.</summary>
    public bool Ended => _source < 0;

    /// <summary>All came and the host has it.</summary>
    public bool Done => Ended && Acknowledged == End;

    /// <summary>The next piece to send; empty if there is none or the window is full.</summary>
    public byte[] Next()
    {
        if (End - Sent < GatherBytes && Sent > Acknowledged && !Ended)
        {
            return [];
        }

        var count = (int)Math.Min(Math.Min(End - Sent, Acknowledged + ProtocolFacts.OutputWindow - Sent), ReadBytes);
        if (count <= 0)
        {
            return [];
        }

        var piece = new byte[count];
        fixed (byte* buffer = piece)
        {
            var read = Libc.pread(_file, buffer, count, Sent);
            if (read != count)
            {
                throw AgentException.Last("pread", "output");
            }
        }

        Sent += count;
        return piece;
    }

    /// <summary>The connection is a new one: what is not acknowledged is sent again.</summary>
    public void Rewind() => Sent = Acknowledged;

    /// <summary>The host has all before the offset.</summary>
    public void Acknowledge(long offset)
    {
        if (offset <= Acknowledged || offset > End)
        {
            return;
        }

        Acknowledged = offset;
        Sent = Math.Max(Sent, offset);
        var whole = Acknowledged / PageBytes * PageBytes;
        if (whole - _punched >= ReadBytes || Done)
        {
            _ = Libc.fallocate(_file, Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, _punched, Math.Max(whole - _punched, 1));
            _punched = whole;
        }

        if (_paused && !Ended)
        {
            _paused = false;
            _loop.Watch(_source, Libc.EPOLLIN, _ => Take());
        }

        _changed();
    }

    /// <summary>Takes what is there, and no more after it; false if there is no room for it yet.</summary>
    public bool Finish()
    {
        while (!Ended && !_paused && TakeOnce())
        {
        }

        if (_paused)
        {
            return false;
        }

        Close();
        return true;
    }

    public void Dispose()
    {
        Close();
        _ = Libc.close(_file);
    }

    private void Take()
    {
        _ = TakeOnce();
        _changed();
    }

    private bool TakeOnce()
    {
        if (End - Acknowledged + ReadBytes > ProtocolFacts.OutputKept)
        {
            // The writer waits once the pipe is full, too.
            _paused = true;
            _loop.Forget(_source);
            return false;
        }

        var buffer = stackalloc byte[ReadBytes];
        var count = Libc.read(_source, buffer, ReadBytes);
        if (count > 0)
        {
            if (Libc.pwrite(_file, buffer, count, End) != count)
            {
                throw AgentException.Last("pwrite", "output");
            }

            End += count;
            return true;
        }

        // A terminal that nobody has open any more is EIO (pty(7)).
        if (count == 0 || Marshal.GetLastPInvokeError() is not (Libc.EAGAIN or Libc.EINTR))
        {
            Close();
        }

        return false;
    }

    private void Close()
    {
        if (_source >= 0)
        {
            _loop.Forget(_source);
            _ = Libc.close(_source);
            _source = -1;
            _changed();
        }
    }
}

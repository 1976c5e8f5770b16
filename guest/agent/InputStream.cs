using System.Runtime.InteropServices;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Standard input of a process, or one direction of a connection: bounded by the window, written as it is taken.</summary>
internal sealed unsafe class InputStream : IDisposable
{
    private readonly EventLoop _loop;
    private readonly Action<int> _taken;
    private readonly Action<int> _close;
    private readonly Queue<ReadOnlyMemory<byte>> _waiting = [];
    private int _target;
    private int _bytes;
    private bool _end;

    /// <param name="loop">The agent's loop.</param>
    /// <param name="target">The descriptor to write to; negative drops all.</param>
    /// <param name="taken">Told how many bytes were taken.</param>
    /// <param name="close">Closes the descriptor, or the half of it.</param>
    public InputStream(EventLoop loop, int target, Action<int> taken, Action<int> close)
    {
        (_loop, _target, _taken, _close) = (loop, target, taken, close);
        if (target >= 0)
        {
            Descriptors.SetNonBlocking(target);
        }
    }

    /// <summary>Adds bytes; false if the sender ignores the window.</summary>
    public bool Add(ReadOnlyMemory<byte> bytes)
    {
        if (_bytes + bytes.Length > ProtocolFacts.InputWindow)
        {
            return false;
        }

        if (_end || bytes.Length == 0)
        {
            return true;
        }

        _bytes += bytes.Length;
        _waiting.Enqueue(bytes);
        Write();
        return true;
    }

    /// <summary>Closes once all is taken.</summary>
    public void End()
    {
        _end = true;
        Write();
    }

    public void Dispose()
    {
        _end = true;
        _waiting.Clear();
        Close();
    }

    private void Write()
    {
        while (_waiting.TryPeek(out var bytes))
        {
            var written = _target < 0 ? bytes.Length : WriteOnce(bytes.Span);
            if (written < 0)
            {
                _loop.Watch(_target, Libc.EPOLLOUT, _ => Write());
                return;
            }

            _waiting.Dequeue();
            if (written < bytes.Length)
            {
                Requeue(bytes[written..]);
            }

            _bytes -= written;
            _taken(written);
        }

        if (_target >= 0)
        {
            _loop.Forget(_target);
        }

        if (_end)
        {
            Close();
        }
    }

    private void Requeue(ReadOnlyMemory<byte> rest)
    {
        ReadOnlyMemory<byte>[] others = [.. _waiting];
        _waiting.Clear();
        _waiting.Enqueue(rest);
        foreach (var other in others)
        {
            _waiting.Enqueue(other);
        }
    }

    // -1: later. Whoever no longer reads gets nothing more, and the sender need not know.
    private int WriteOnce(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* buffer = bytes)
        {
            var written = (int)Libc.write(_target, buffer, bytes.Length);
            if (written >= 0)
            {
                return written;
            }

            if (Marshal.GetLastPInvokeError() is Libc.EAGAIN or Libc.EINTR)
            {
                return -1;
            }
        }

        Close();
        return bytes.Length;
    }

    private void Close()
    {
        if (_target >= 0)
        {
            _loop.Forget(_target);
            _close(_target);
            _target = -1;
        }
    }
}

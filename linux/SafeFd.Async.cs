using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>Reads and writes that wait without a thread; the descriptor must be a non-blocking one that epoll(7) takes.</summary>
public sealed partial class SafeFd
{
    /// <summary>Reads what is there, waiting for the first byte; 0 is the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Read(buffer.Span) is { } count)
            {
                return count;
            }

            await Poller.Shared.ReadableAsync(this, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes all bytes, waiting for room.</summary>
    /// <exception cref="LinuxException">Such as <see cref="LinuxException.IsBrokenPipe"/>.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryWrite(bytes.Span) is { } count)
            {
                bytes = bytes[count..];
                continue;
            }

            await Poller.Shared.WritableAsync(this, cancellationToken).ConfigureAwait(false);
        }
    }

    private unsafe int? TryWrite(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* pointer = bytes)
        {
            while (true)
            {
                var count = Libc.write(Number, pointer, bytes.Length);
                if (count >= 0)
                {
                    return (int)count;
                }

                switch (Marshal.GetLastPInvokeError())
                {
                    case Libc.EINTR: continue;
                    case Libc.EAGAIN: return null;
                    default: throw LinuxException.Last("write", $"fd {Number}");
                }
            }
        }
    }
}

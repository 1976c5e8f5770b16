using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// Copies between an exec's FIFOs, which are all that a shim takes, and the caller's descriptors. Neither side is waited for in a
/// system call: what epoll reports as ready takes PIPE_BUF bytes at once (pipe(7)).
/// </summary>
internal static class StdioPump
{
    private const int PipeBuffer = 4096;
    private const int NotPollable = 1; // EPERM: a regular file, always ready; see epoll_ctl(2)
    private const int BrokenPipe = 32;

    /// <summary>Copies until the source ends, the target is gone, or it is cancelled, which is no error.</summary>
    /// <param name="from">The source.</param>
    /// <param name="to">The target.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="last">Written when the source ends.</param>
    public static async Task CopyAsync(SafeFd from, SafeFd to, CancellationToken cancellationToken, ReadOnlyMemory<byte> last = default)
    {
        var buffer = new byte[PipeBuffer];
        try
        {
            while (true)
            {
                await ReadyAsync(Poller.Shared.ReadableAsync(from, cancellationToken)).ConfigureAwait(false);
                switch (from.Read(buffer))
                {
                    case 0 when last.IsEmpty:
                        return;
                    case 0:
                        await ReadyAsync(Poller.Shared.WritableAsync(to, cancellationToken)).ConfigureAwait(false);
                        to.Write(last.Span);
                        return;
                    case { } count:
                        await ReadyAsync(Poller.Shared.WritableAsync(to, cancellationToken)).ConfigureAwait(false);
                        to.Write(buffer.AsSpan(0, count));
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Whoever still holds it open has had its time.
        }
        catch (LinuxException e) when (e.Errno == BrokenPipe)
        {
            // Nobody reads any more.
        }
    }

    private static async Task ReadyAsync(Task poll)
    {
        try
        {
            await poll.ConfigureAwait(false);
        }
        catch (LinuxException e) when (e.Errno == NotPollable)
        {
            // Go on.
        }
    }
}

using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Streaming.Sessions;

/// <summary>The three copies of a session.</summary>
internal static class ConsoleCopy
{
    private const int BufferBytes = 32 * 1024;

    // What a pipe can hold; see pipe(7). After the process's end no more than that is its own.
    private const int PipeBytes = 64 * 1024;

    /// <summary>From the client to the process, which sees the end of it. What the process does not want is dropped, as other streams share the connection.</summary>
    public static async Task TypeAsync(IInbound from, SafeFd to, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferBytes];
        var wanted = true;
        try
        {
            while (await from.ReadAsync(buffer, cancellationToken) is var count and > 0)
            {
                wanted = wanted && await TryWriteAsync(to, buffer.AsMemory(0, count), cancellationToken);
            }
        }
        finally
        {
            to.Dispose();
        }
    }

    /// <summary>From the process to the client, which sees the end of it.</summary>
    /// <param name="from">The process's stream.</param>
    /// <param name="to">The client's.</param>
    /// <param name="drained">From when on children of the process get no more than what is in the pipe.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task ShowAsync(SafeFd from, IOutbound to, CancellationToken drained, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(drained, cancellationToken);
        var buffer = new byte[BufferBytes];
        var left = PipeBytes;
        try
        {
            while (left > 0 && await ReadAsync(from, buffer, drained, either.Token, cancellationToken) is var count and > 0)
            {
                await to.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
                left -= drained.IsCancellationRequested ? count : 0;
            }

            await to.EndAsync(cancellationToken);
        }
        catch (IOException)
        {
            // The client wants no more of this stream, and the process learns it as it would from a closed terminal.
            from.Dispose();
        }
    }

    /// <summary>From the client's terminal to the process's.</summary>
    public static async Task ResizeAsync(IInbound sizes, IProcess process, CancellationToken cancellationToken)
    {
        var parser = new TerminalSizes();
        var buffer = new byte[1024];
        while (await sizes.ReadAsync(buffer, cancellationToken) is var count and > 0)
        {
            if (parser.Last(buffer.AsSpan(0, count)) is { } size)
            {
                await process.ResizeAsync(size.Columns, size.Rows, cancellationToken);
            }
        }
    }

    // 0: the end, or drained while nothing was there.
    private static async ValueTask<int> ReadAsync(
        SafeFd from, byte[] buffer, CancellationToken drained, CancellationToken either, CancellationToken cancellationToken)
    {
        while (true)
        {
            var last = drained.IsCancellationRequested;
            if (from.Read(buffer) is { } count)
            {
                return count;
            }

            if (last)
            {
                return 0;
            }

            await Poller.Shared.ReadableAsync(from, either).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static async ValueTask<bool> TryWriteAsync(SafeFd to, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            await to.WriteAsync(bytes, cancellationToken);
            return true;
        }
        catch (LinuxException e) when (e.IsBrokenPipe)
        {
            return false;
        }
    }
}

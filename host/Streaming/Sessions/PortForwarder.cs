using System.Net.Sockets;

namespace Berth.Streaming.Sessions;

/// <summary>Copies between a client's stream and a port of a pod, with half-close both ways.</summary>
internal sealed class PortForwarder(PodDialer dialer, TimeProvider time)
{
    private const int BufferBytes = 32 * 1024;

    // One side has ended, and the other is silent: most likely it never ends by itself.
    private static readonly TimeSpan HalfOpenLimit = TimeSpan.FromSeconds(30);

    private int _running;

    /// <summary>How many connections run now.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Runs one connection to its end.</summary>
    /// <exception cref="Berth.Abstractions.RuntimeException">The port cannot be reached.</exception>
    /// <exception cref="IOException">The client reset the stream, or the pod its connection.</exception>
    public async Task RunAsync(string sandboxId, int port, IInbound from, IOutbound to, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        try
        {
            await ForwardAsync(sandboxId, port, from, to, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task ForwardAsync(string sandboxId, int port, IInbound from, IOutbound to, CancellationToken cancellationToken)
    {
        using var socket = await dialer.ConnectAsync(sandboxId, port, cancellationToken);
        await using var stream = new NetworkStream(socket);
        using var over = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        await using var caller = cancellationToken.Register(over.Cancel);
        var halfOpen = false;
        var upward = CopyAsync(
            buffer => from.ReadAsync(buffer, over.Token),
            async bytes => await stream.WriteAsync(bytes, over.Token),
            () =>
            {
                socket.Shutdown(SocketShutdown.Send);
                return Task.CompletedTask;
            });
        var downward = CopyAsync(
            buffer => stream.ReadAsync(buffer, over.Token),
            async bytes => await to.WriteAsync(bytes, over.Token),
            async () => await to.EndAsync(over.Token));
        var first = await Task.WhenAny(upward, downward);
        Volatile.Write(ref halfOpen, true);
        over.CancelAfter(first.IsCompletedSuccessfully ? HalfOpenLimit : TimeSpan.Zero);
        await first;
        await Task.WhenAll(upward, downward);

        async Task CopyAsync(Func<Memory<byte>, ValueTask<int>> read, Func<ReadOnlyMemory<byte>, Task> write, Func<Task> end)
        {
            var buffer = new byte[BufferBytes];
            while (await read(buffer) is var count and > 0)
            {
                if (Volatile.Read(ref halfOpen))
                {
                    over.CancelAfter(HalfOpenLimit);
                }

                await write(buffer.AsMemory(0, count));
            }

            await end();
        }
    }
}

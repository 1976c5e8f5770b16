using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Berth.Abstractions;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.Spdy;

/// <summary>
/// Port-forward over SPDY: each connection through it is a pair of streams, <c>error</c> and then <c>data</c>, with the headers
/// <c>port</c> and <c>requestid</c>. A pair that fails says why on its error stream, and the others go on.
/// </summary>
internal sealed class SpdyPortForward(PortForwardTicket ticket, PortForwarder forwarder, TimeProvider time, CancellationToken gone) : ISpdyPeer
{
    public const string Protocol = "portforward.k8s.io";
    private const string Error = "error", Data = "data";
    private static readonly TimeSpan PairTime = TimeSpan.FromSeconds(30);
    private readonly ConcurrentDictionary<string, Pair> _pairs = new();
    private readonly ConcurrentDictionary<Task, bool> _running = new();

    public bool Accepts(uint id, IReadOnlyDictionary<string, string> headers) =>
        headers.GetValueOrDefault("streamtype") is Error or Data && PortOf(headers) is not null;

    public void Opened(SpdyStream stream)
    {
        var pair = _pairs.GetOrAdd(KeyOf(stream), static _ => new());
        Run(pair.Add(stream) switch
        {
            Place.First => WaitAsync(pair, stream),
            Place.Second => ForwardAsync(pair),
            _ => RefuseAsync(stream),
        });
    }

    /// <summary>Waits for what still runs; the connection has ended.</summary>
    public Task EndAsync() => Task.WhenAll(_running.Keys);

    private void Run(Task work)
    {
        _running[work] = true;
        _ = work.ContinueWith(done => _running.TryRemove(done, out _), TaskScheduler.Default);
    }

    private async Task ForwardAsync(Pair pair)
    {
        _pairs.TryRemove(KeyOf(pair.Data!), out _);
        var (data, error) = (pair.Data!, pair.Error!);
        try
        {
            var port = PortOf(data.Headers)!.Value;
            await forwarder.RunAsync(ticket.SandboxId, port, data, data, gone);
            await error.EndAsync(gone);
            await data.ResetIfOpenAsync(gone);
        }
        catch (RuntimeException e)
        {
            await FailAsync(pair, $"error forwarding port {PortOf(data.Headers)} to pod {ticket.SandboxId}: {e.Message}");
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // One side went away in the middle; the other learns it.
            await QuietlyAsync(async () =>
            {
                await data.ResetAsync(gone);
                await error.EndAsync(gone);
                await error.ResetIfOpenAsync(gone);
            });
        }
    }

    // Until the other half comes.
    private async Task WaitAsync(Pair pair, SpdyStream first)
    {
        try
        {
            await pair.Complete.WaitAsync(PairTime, time, gone);
        }
        catch (TimeoutException)
        {
            _pairs.TryRemove(KeyOf(first), out _);
            await FailAsync(pair, $"no other stream came for request {KeyOf(first)} within {PairTime.TotalSeconds:0} s");
        }
        catch (OperationCanceledException)
        {
            // The client is gone, and its streams with it.
        }
    }

    private static Task FailAsync(Pair pair, string message) => QuietlyAsync(async () =>
    {
        if (pair.Error is { } error)
        {
            await error.WriteAsync(Encoding.UTF8.GetBytes(message), CancellationToken.None);
            await error.EndAsync(CancellationToken.None);
            await error.ResetIfOpenAsync(CancellationToken.None);
        }

        if (pair.Data is { } data)
        {
            await data.ResetAsync(CancellationToken.None);
        }
    });

    private Task RefuseAsync(SpdyStream stream) => QuietlyAsync(async () => await stream.ResetAsync(gone));

    // A message to a client that is gone has no reader.
    private static async Task QuietlyAsync(Func<Task> tell)
    {
        try
        {
            await tell();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return;
        }
    }

    private static int? PortOf(IReadOnlyDictionary<string, string> headers) =>
        int.TryParse(headers.GetValueOrDefault("port"), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535 ? port : null;

    // Old clients name no request; then the data stream is the next after its error stream.
    private static string KeyOf(SpdyStream stream) => stream.Header("requestid") switch
    {
        { Length: > 0 } request => request,
        _ => (stream.Header("streamtype") == Error ? stream.Id : stream.Id - 2).ToString(CultureInfo.InvariantCulture),
    };

    private enum Place
    {
        First,
        Second,
        Taken,
    }

    private sealed class Pair
    {
        private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SpdyStream? Error { get; private set; }

        public SpdyStream? Data { get; private set; }

        public Task Complete => _complete.Task;

        public Place Add(SpdyStream stream)
        {
            var isError = stream.Header("streamtype") == SpdyPortForward.Error;
            if ((isError ? Error : Data) is not null)
            {
                return Place.Taken;
            }

            (Error, Data) = isError ? (stream, Data) : (Error, stream);
            if (Error is null || Data is null)
            {
                return Place.First;
            }

            _complete.SetResult();
            return Place.Second;
        }
    }
}

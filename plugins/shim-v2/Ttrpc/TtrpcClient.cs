using System.Collections.Concurrent;
using System.Net.Sockets;
using Berth.Plugins.ShimV2.Protocol;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2.Ttrpc;

/// <summary>A connection to a ttrpc server: any number of calls at a time, answered in any order.</summary>
internal sealed class TtrpcClient : IAsyncDisposable
{
    private const string NamespaceKey = "containerd-namespace-ttrpc";
    private readonly Stream _stream;
    private readonly string _namespace;
    private readonly SemaphoreSlim _write = new(1, 1);
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<Response>> _pending = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _lastStream = uint.MaxValue;

    public TtrpcClient(Stream stream, string ns)
    {
        (_stream, _namespace) = (stream, ns);
        _ = ReadAsync();
    }

    /// <summary>Completes when the connection is gone; every later call then fails.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Connects to a socket given as <c>unix://PATH</c> or as a path.</summary>
    /// <exception cref="TtrpcException">Nobody listens there.</exception>
    public static async Task<TtrpcClient> ConnectAsync(string address, string ns, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(PathOf(address)), cancellationToken).ConfigureAwait(false);
            return new(new NetworkStream(socket, ownsSocket: true), ns);
        }
        catch (Exception e) when (e is SocketException or ArgumentException or OperationCanceledException)
        {
            socket.Dispose();
            throw e is OperationCanceledException ? e : new TtrpcException(TtrpcCode.Unavailable, $"{address}: {e.Message}", e);
        }
    }

    /// <summary>The path within an address.</summary>
    public static string PathOf(string address) => address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..] : address;

    /// <summary>Calls a method and waits for its answer; the server learns the time limit, too.</summary>
    /// <exception cref="TtrpcException">The server refuses, the limit has passed, or the connection is gone.</exception>
    public async Task<T> CallAsync<T>(string service, string method, IMessage request, MessageParser<T> parser, TimeSpan? limit, CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        var envelope = new Request { Service = service, Method = method, Payload = request.ToByteString(), TimeoutNano = (limit?.Ticks ?? 0) * 100 };
        envelope.Metadata.Add(new KeyValue { Key = NamespaceKey, Value = _namespace });
        var stream = Interlocked.Add(ref _lastStream, 2);
        var answer = new TaskCompletionSource<Response>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[stream] = answer;
        try
        {
            await SendAsync(new(stream, Frame.Request, envelope.ToByteArray()), cancellationToken).ConfigureAwait(false);
            var response = await answer.Task.WaitAsync(limit ?? Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
            return response.Status is { Code: not 0 } status
                ? throw new TtrpcException((TtrpcCode)status.Code, status.Message)
                : parser.ParseFrom(response.Payload);
        }
        catch (TimeoutException e)
        {
            throw new TtrpcException(TtrpcCode.DeadlineExceeded, $"{method}: no answer within {limit!.Value.TotalSeconds:0} s", e);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new TtrpcException(TtrpcCode.Unknown, $"{method}: the answer is no {typeof(T).Name}: {e.Message}", e);
        }
        finally
        {
            _pending.TryRemove(stream, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync().ConfigureAwait(false);
        await Closed.ConfigureAwait(false);
    }

    private async Task SendAsync(Frame frame, CancellationToken cancellationToken)
    {
        await _write.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Closed.IsCompleted)
            {
                throw new TtrpcException(TtrpcCode.Unavailable, "the connection is closed");
            }

            // Half a frame would spoil all that follows, so what was begun is finished.
            await _stream.WriteAsync(frame.ToBytes(), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new TtrpcException(TtrpcCode.Unavailable, $"the connection broke: {e.Message}", e);
        }
        finally
        {
            _write.Release();
        }
    }

    private async Task ReadAsync()
    {
        var reason = "the server closed the connection";
        try
        {
            while (await Frame.ReadAsync(_stream, CancellationToken.None).ConfigureAwait(false) is { } frame)
            {
                // An answer that nobody awaits any more: the caller has given up.
                if (frame.Type == Frame.Response && _pending.TryRemove(frame.Stream, out var call))
                {
                    call.TrySetResult(Response.Parser.ParseFrom(frame.Data));
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ObjectDisposedException or InvalidProtocolBufferException)
        {
            reason = $"the connection broke: {e.Message}";
        }

        _closed.TrySetResult();
        await _stream.DisposeAsync().ConfigureAwait(false);
        // A call that comes now finds the connection closed; one that came before is in the list, or sees its write fail.
        foreach (var call in _pending.Values)
        {
            call.TrySetException(new TtrpcException(TtrpcCode.Unavailable, reason));
        }
    }
}

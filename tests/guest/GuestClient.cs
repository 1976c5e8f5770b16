using System.Collections.Concurrent;
using System.Security.Cryptography;
using Berth.Guest.Protocol;

namespace Berth.Tests.Guest;

/// <summary>The host's end of the protocol, as little as the tests need.</summary>
public sealed class GuestClient : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<GuestResponse>> _requests = new();
    private readonly ConcurrentDictionary<(uint Process, int Stream), Received> _output = new();
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<GuestExit>> _exits = new();
    private readonly ConcurrentDictionary<uint, ConnectionEnd> _connections = new();
    private readonly TaskCompletionSource<Welcome> _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _nonce = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
    private Task _reading = Task.CompletedTask;
    private uint _lastRequest;

    private GuestClient(Stream stream) => _stream = stream;

    /// <summary>What the agent has.</summary>
    public Welcome Welcome { get; private set; } = null!;

    /// <summary>Whether output is acknowledged as it comes.</summary>
    public bool Acknowledges { get; set; } = true;

    public static async Task<GuestClient> StartAsync(Stream stream, bool acknowledges, CancellationToken cancellationToken)
    {
        var client = new GuestClient(stream) { Acknowledges = acknowledges };
        client._reading = client.ReadAsync();
        await stream.WriteAsync(Frame.Preamble(), cancellationToken);
        await client.SendAsync(FrameKind.Hello, 0, ProtocolJson.Write(
            new Hello { Version = ProtocolFacts.Version, Nonce = client._nonce, Now = TimeProvider.System.GetUtcNow() }, ProtocolJson.Default.Hello));
        client.Welcome = await client._welcome.Task.WaitAsync(cancellationToken);
        return client;
    }

    /// <summary>Asks; a failure is an exception with the agent's message.</summary>
    public async Task<GuestResponse> AskAsync(GuestRequest request)
    {
        var id = Interlocked.Increment(ref _lastRequest);
        var answer = _requests[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var frame in Frame.Split(FrameKind.Request, id, ProtocolJson.Write(request, ProtocolJson.Default.GuestRequest)))
        {
            await SendAsync(frame.Kind, id, frame.Payload);
        }

        var response = await answer.Task.WaitAsync(TimeSpan.FromMinutes(1));
        return response.Error is null ? response : throw new GuestException(response.Error);
    }

    /// <summary>What came of a stream.</summary>
    public string Output(uint process, int stream = 1)
    {
        var received = Stream(process, stream);
        lock (received)
        {
            return System.Text.Encoding.UTF8.GetString(received.Bytes.ToArray());
        }
    }

    /// <summary>Where the next byte of a stream is expected, after an earlier connection.</summary>
    public void Expect(uint process, long offset) => Stream(process, 1).Offset = offset;

    /// <summary>How far a stream came.</summary>
    public long Offset(uint process) => Stream(process, 1).Offset;

    /// <summary>The end of a process, acknowledged.</summary>
    public async Task<GuestExit> ExitAsync(uint process)
    {
        var exit = await Exit(process).Task.WaitAsync(TimeSpan.FromMinutes(1));
        await SendAsync(FrameKind.ExitAck, process, default);
        return exit;
    }

    /// <summary>A connection to a port.</summary>
    public ConnectionEnd Connection(uint number) => _connections.GetOrAdd(number, static _ => new());

    /// <summary>Says that output is safe up to an offset.</summary>
    public Task AcknowledgeAsync(uint process, long offset) => SendAsync(FrameKind.OutputAck, process, OffsetPayload.Output(1, offset));

    public async Task SendAsync(FrameKind kind, uint id, ReadOnlyMemory<byte> payload)
    {
        await _writing.WaitAsync();
        try
        {
            await _stream.WriteAsync(new Frame(kind, id, payload).ToBytes());
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendRawAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _reading;
        _writing.Dispose();
    }

    private async Task ReadAsync()
    {
        var reader = new FrameReader();
        var parts = new MessageParts();
        var buffer = new byte[65536];
        try
        {
            int count;
            while ((count = await _stream.ReadAsync(buffer)) > 0)
            {
                foreach (var frame in reader.Read(buffer.AsSpan(0, count)))
                {
                    await TakeAsync(frame, parts);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            _welcome.TrySetException(e);
        }
        catch (Exception e)
        {
            _welcome.TrySetException(e);
            foreach (var request in _requests.Values)
            {
                request.TrySetException(e);
            }

            throw;
        }
    }

    private async Task TakeAsync(Frame frame, MessageParts parts)
    {
        if (frame.Kind == FrameKind.Part)
        {
            parts.Add(frame);
        }
        else if (frame.Kind == FrameKind.Welcome && ProtocolJson.Read(parts.Complete(frame).Span, ProtocolJson.Default.Welcome) is var welcome && welcome.Nonce == _nonce)
        {
            // Output follows at once, from where it was acknowledged.
            welcome.Containers.Select(static c => c.Init).OfType<GuestProcess>().ToList().ForEach(p => Expect(p.Number, p.Stdout));
            _welcome.TrySetResult(welcome);
        }
        else if (!_welcome.Task.IsCompleted)
        {
            return;
        }
        else if (frame.Kind == FrameKind.Response)
        {
            _requests[frame.Id].TrySetResult(ProtocolJson.Read(parts.Complete(frame).Span, ProtocolJson.Default.GuestResponse));
        }
        else if (frame.Kind == FrameKind.Output)
        {
            await TakeOutputAsync(frame);
        }
        else if (frame.Kind == FrameKind.Exit)
        {
            Exit(frame.Id).TrySetResult(ProtocolJson.Read(frame.Payload.Span, ProtocolJson.Default.GuestExit));
        }
        else if (frame.Kind == FrameKind.PortData)
        {
            Connection(frame.Id).Add(frame.Payload.Span);
            await SendAsync(FrameKind.PortAck, frame.Id, OffsetPayload.PortAck(frame.Payload.Length));
        }
        else if (frame.Kind is FrameKind.PortEnd or FrameKind.PortReset)
        {
            Connection(frame.Id).End.TrySetResult(frame.Kind);
        }
    }

    private async Task TakeOutputAsync(Frame frame)
    {
        var (stream, offset) = OffsetPayload.ReadOutput(frame.Payload.Span) ?? throw new InvalidDataException("output is malformed");
        var received = Stream(frame.Id, stream);
        lock (received)
        {
            Assert.Equal(received.Offset, offset);
            received.Bytes.Write(frame.Payload.Span[OffsetPayload.OutputHeader..]);
            received.Offset += frame.Payload.Length - OffsetPayload.OutputHeader;
        }

        if (Acknowledges)
        {
            await SendAsync(FrameKind.OutputAck, frame.Id, OffsetPayload.Output(stream, received.Offset));
        }
    }

    private Received Stream(uint process, int stream) => _output.GetOrAdd((process, stream), static _ => new());

    private TaskCompletionSource<GuestExit> Exit(uint process) =>
        _exits.GetOrAdd(process, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    private sealed class Received
    {
        public MemoryStream Bytes { get; } = new();

        public long Offset { get; set; }
    }
}

/// <summary>What the guest sent on a connection.</summary>
public sealed class ConnectionEnd
{
    private readonly List<byte> _bytes = [];

    public TaskCompletionSource<FrameKind> End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Add(ReadOnlySpan<byte> bytes)
    {
        lock (_bytes)
        {
            _bytes.AddRange(bytes);
        }
    }

    public string Text()
    {
        lock (_bytes)
        {
            return System.Text.Encoding.UTF8.GetString([.. _bytes]);
        }
    }
}

/// <summary>The agent refused.</summary>
public sealed class GuestException(GuestError error) : Exception($"{error.Code}: {error.Message}")
{
    public GuestErrorCode Code { get; } = error.Code;
}

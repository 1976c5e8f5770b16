using System.Buffers;
using System.IO.Pipelines;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.Spdy;

/// <summary>One stream of a connection, opened by the client. Reads and writes are one at a time each.</summary>
internal sealed class SpdyStream(uint id, IReadOnlyDictionary<string, string> headers, SpdyConnection connection) : IInbound, IOutbound
{
    private readonly Pipe _inbound = InboundPipe.Create();
    private readonly Lock _lock = new();
    private bool _inboundEnded;
    private bool _outboundEnded;

    public uint Id => id;

    public IReadOnlyDictionary<string, string> Headers => headers;

    public string Header(string name) => headers.GetValueOrDefault(name, "");

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) => InboundPipe.ReadAsync(_inbound.Reader, buffer, cancellationToken);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        _outboundEnded ? throw new SpdyException($"stream {id} is closed") : connection.WriteDataAsync(id, bytes, fin: false, cancellationToken);

    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        if (!TryEndOutbound())
        {
            return;
        }

        await connection.WriteDataAsync(id, default, fin: true, cancellationToken);
        RemoveIfOver();
    }

    /// <summary>Closes both directions; what the client still sends is dropped.</summary>
    public async ValueTask ResetAsync(CancellationToken cancellationToken)
    {
        var wasOpen = TryEndOutbound() | EndInbound(new SpdyException($"stream {id} was reset"));
        connection.Forget(this);
        if (wasOpen)
        {
            await connection.WriteResetAsync(id, SpdyWire.Cancel, cancellationToken);
        }
    }

    /// <summary>Closes what is not closed yet: the same after an end on this side, so that the client's side is over too.</summary>
    public async ValueTask ResetIfOpenAsync(CancellationToken cancellationToken)
    {
        if (EndInbound(new SpdyException($"stream {id} is over")))
        {
            connection.Forget(this);
            await connection.WriteResetAsync(id, SpdyWire.Cancel, cancellationToken);
        }
    }

    /// <summary>Bytes came from the client.</summary>
    internal async ValueTask ReceiveAsync(ReadOnlySequence<byte> bytes, CancellationToken cancellationToken)
    {
        ValueTask<FlushResult> flushing;
        lock (_lock)
        {
            if (_inboundEnded)
            {
                return;
            }

            foreach (var segment in bytes)
            {
                _inbound.Writer.Write(segment.Span);
            }

            flushing = _inbound.Writer.FlushAsync(cancellationToken);
        }

        await flushing;
    }

    /// <summary>The client's direction ended.</summary>
    internal void ReceiveEnd()
    {
        EndInbound(null);
        RemoveIfOver();
    }

    /// <summary>The client reset it, or is gone.</summary>
    internal void Break(Exception reason)
    {
        TryEndOutbound();
        EndInbound(reason);
        connection.Forget(this);
    }

    private bool TryEndOutbound()
    {
        lock (_lock)
        {
            return !_outboundEnded && (_outboundEnded = true);
        }
    }

    private bool EndInbound(Exception? reason)
    {
        lock (_lock)
        {
            if (_inboundEnded)
            {
                return false;
            }

            _inboundEnded = true;
            _inbound.Writer.Complete(reason);
            // A flush that waits for a reader waits no longer.
            _inbound.Writer.CancelPendingFlush();
            return true;
        }
    }

    private void RemoveIfOver()
    {
        lock (_lock)
        {
            if (!_inboundEnded || !_outboundEnded)
            {
                return;
            }
        }

        connection.Forget(this);
    }
}

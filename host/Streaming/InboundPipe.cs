using System.Buffers;
using System.IO.Pipelines;

namespace Berth.Streaming;

/// <summary>What is between the reader of a connection and the user of one of its streams.</summary>
internal static class InboundPipe
{
    // Neither protocol has windows that clients keep, so a full pipe holds up the whole connection; it is for evening out alone.
    private static readonly PipeOptions Options = new(pauseWriterThreshold: 256 * 1024, resumeWriterThreshold: 128 * 1024, useSynchronizationContext: false);

    public static Pipe Create() => new(Options);

    /// <summary>Waits for bytes; 0 is the end.</summary>
    public static async ValueTask<int> ReadAsync(PipeReader pipe, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var result = await pipe.ReadAsync(cancellationToken);
        // Counted before the advance, which takes the segments apart.
        var count = (int)Math.Min(buffer.Length, result.Buffer.Length);
        var bytes = result.Buffer.Slice(0, count);
        bytes.CopyTo(buffer.Span);
        pipe.AdvanceTo(bytes.End);
        return count;
    }
}

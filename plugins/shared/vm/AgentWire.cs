using System.Net.Sockets;
using System.Threading.Channels;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>Frames to and from the agent, over the socket that the hypervisor has for its port: one connection.</summary>
internal sealed class AgentWire : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    // What waits here is bounded by windows and by the callers that wait for answers.
    private readonly Channel<byte[]> _outgoing = Channel.CreateUnbounded<byte[]>(new() { SingleReader = true });

    /// <summary>Connects; frames can be queued at once, the guest takes them when it is up.</summary>
    public static async Task<AgentWire> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        var wire = new AgentWire();
        try
        {
            await wire._socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            wire._outgoing.Writer.TryWrite(Frame.Preamble());
            return wire;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    public void Send(FrameKind kind, uint id, ReadOnlyMemory<byte> payload = default) => _outgoing.Writer.TryWrite(new Frame(kind, id, payload).ToBytes());

    public void SendMessage(FrameKind kind, uint id, byte[] message)
    {
        foreach (var frame in Frame.Split(kind, id, message))
        {
            _outgoing.Writer.TryWrite(frame.ToBytes());
        }
    }

    /// <summary>Runs until the connection ends.</summary>
    /// <param name="onFrame">Called with each frame, one after another; it must not wait.</param>
    /// <param name="cancellationToken">Ends the connection.</param>
    public async Task RunAsync(Action<Frame> onFrame, CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writing = WriteAsync(ends.Token);
        try
        {
            var reader = new FrameReader();
            var buffer = new byte[64 * 1024];
            while (await _socket.ReceiveAsync(buffer, ends.Token).ConfigureAwait(false) is > 0 and var count)
            {
                foreach (var frame in reader.Read(buffer.AsSpan(0, count)))
                {
                    onFrame(frame);
                }
            }
        }
        finally
        {
            await ends.CancelAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => _socket.Dispose();

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        await foreach (var bytes in _outgoing.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            for (var sent = 0; sent < bytes.Length;)
            {
                sent += await _socket.SendAsync(bytes.AsMemory(sent), cancellationToken).ConfigureAwait(false);
            }
        }
    }
}

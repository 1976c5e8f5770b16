using System.Net.Sockets;
using System.Threading.Channels;
using Berth.Guest.Protocol;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A connection to a port in the guest, as one end of a pair of sockets whose other end the gateway has.</summary>
internal sealed class GuestPort : IDisposable
{
    private const int Piece = 32 * 1024;
    private readonly uint _number;
    private readonly AgentWire _wire;
    private readonly Socket _socket;
    private readonly GuestStream _toGuest = new();
    private readonly Channel<ReadOnlyMemory<byte>> _fromGuest = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(new() { SingleReader = true });

    private GuestPort(uint number, AgentWire wire, Socket socket) => (_number, _wire, _socket) = (number, wire, socket);

    /// <summary>Makes the pair.</summary>
    /// <returns>The connection, and the descriptor for the gateway, which owns it.</returns>
    public static (GuestPort Port, int Descriptor) Open(uint number, AgentWire wire)
    {
        var (ours, theirs) = SafeFd.SocketPair();
        var socket = new Socket(new SafeSocketHandle(Release(ours), ownsHandle: true));
        return (new(number, wire, socket), Release(theirs));
    }

    /// <summary>Copies both ways until both are at their end.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await Task.WhenAll(OrEnd(ToGuestAsync(ends.Token), ends), OrEnd(FromGuestAsync(ends.Token), ends)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            _wire.Send(FrameKind.PortReset, _number);
        }
    }

    // The agent keeps to the window, so what waits here is bounded; one that does not is cut off.
    public void OnData(ReadOnlyMemory<byte> bytes) => _fromGuest.Writer.TryWrite(bytes);

    public void OnEnd() => _fromGuest.Writer.TryComplete();

    public void OnTaken(int bytes) => _toGuest.TakenMore(bytes);

    public void Dispose() => _socket.Dispose();

    private static async Task OrEnd(Task copy, CancellationTokenSource ends)
    {
        try
        {
            await copy.ConfigureAwait(false);
        }
        catch
        {
            await ends.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task ToGuestAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[Piece];
        while (await _socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var count)
        {
            for (var sent = 0; sent < count;)
            {
                var (_, bytes) = await _toGuest.ReserveAsync(count - sent, cancellationToken).ConfigureAwait(false);
                _wire.Send(FrameKind.PortData, _number, buffer.AsMemory(sent, bytes).ToArray());
                sent += bytes;
            }
        }

        _wire.Send(FrameKind.PortEnd, _number);
    }

    private async Task FromGuestAsync(CancellationToken cancellationToken)
    {
        await foreach (var bytes in _fromGuest.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            for (var sent = 0; sent < bytes.Length;)
            {
                sent += await _socket.SendAsync(bytes[sent..], cancellationToken).ConfigureAwait(false);
            }

            _wire.Send(FrameKind.PortAck, _number, OffsetPayload.PortAck(bytes.Length));
        }

        _socket.Shutdown(SocketShutdown.Send);
    }

    private static int Release(SafeFd descriptor)
    {
        var number = descriptor.Number;
        descriptor.SetHandleAsInvalid();
        return number;
    }
}

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
    private readonly SafeFd _hangUp;
    private readonly CancellationTokenSource _broken = new();
    private readonly GuestStream _toGuest = new();
    private readonly Channel<ReadOnlyMemory<byte>> _fromGuest = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(new() { SingleReader = true });

    private GuestPort(uint number, AgentWire wire, SafeFd ours)
    {
        (_number, _wire) = (number, wire);
        _hangUp = SafeFd.Duplicate(ours.Number);
        _socket = new(new SafeSocketHandle(ours.Release(), ownsHandle: true));
    }

    /// <summary>Makes the pair.</summary>
    /// <returns>The connection, and the descriptor for the gateway, which owns it.</returns>
    public static (GuestPort Port, int Descriptor) Open(uint number, AgentWire wire)
    {
        var (ours, theirs) = SafeFd.SocketPair();
        return (new(number, wire, ours), theirs.Release());
    }

    /// <summary>Copies both ways until both are at their end; the agent then forgets the connection by itself.</summary>
    public async Task RunAsync()
    {
        try
        {
            await Task.WhenAll(OrBreak(ToGuestAsync()), OrBreak(FromGuestAsync())).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or LinuxException)
        {
            _wire.Send(FrameKind.PortReset, _number);
        }
        finally
        {
            // What still watches for a hang-up.
            await _broken.CancelAsync().ConfigureAwait(false);
        }
    }

    // The agent keeps to the window, so what waits here is bounded.
    public void OnData(ReadOnlyMemory<byte> bytes) => _fromGuest.Writer.TryWrite(bytes);

    public void OnEnd() => _fromGuest.Writer.TryComplete();

    public void OnTaken(int bytes) => _toGuest.TakenMore(bytes);

    /// <summary>The guest's end is gone.</summary>
    public void Break() => _broken.Cancel();

    public void Dispose()
    {
        _socket.Dispose();
        _hangUp.Dispose();
    }

    private async Task OrBreak(Task copy)
    {
        try
        {
            await copy.ConfigureAwait(false);
        }
        catch
        {
            await _broken.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task ToGuestAsync()
    {
        var buffer = new byte[Piece];
        while (await _socket.ReceiveAsync(buffer, _broken.Token).ConfigureAwait(false) is > 0 and var count)
        {
            await _toGuest.SendAsync(buffer.AsMemory(0, count), (_, piece) => _wire.Send(FrameKind.PortData, _number, piece), _broken.Token).ConfigureAwait(false);
        }

        _wire.Send(FrameKind.PortEnd, _number);
        _ = BreakOnHangUpAsync();
    }

    // The gateway may have closed one direction, or all: then nobody is left for what the guest would send.
    private async Task BreakOnHangUpAsync()
    {
        try
        {
            await Poller.Shared.HungUpAsync(_hangUp, _broken.Token).ConfigureAwait(false);
            await _broken.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The other direction is at its end, too.
        }
    }

    private async Task FromGuestAsync()
    {
        await foreach (var bytes in _fromGuest.Reader.ReadAllAsync(_broken.Token).ConfigureAwait(false))
        {
            for (var sent = 0; sent < bytes.Length;)
            {
                sent += await _socket.SendAsync(bytes[sent..], _broken.Token).ConfigureAwait(false);
            }

            _wire.Send(FrameKind.PortAck, _number, OffsetPayload.PortAck(bytes.Length));
        }

        _socket.Shutdown(SocketShutdown.Send);
    }
}

using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>A stream into the guest: no more than a window ahead of what the agent has taken.</summary>
internal sealed class GuestStream
{
    private readonly Lock _lock = new();
    private long _sent;
    private long _taken;
    private TaskCompletionSource? _room;

    /// <summary>A connection begins: the agent has these bytes.</summary>
    public void Restart(long taken)
    {
        lock (_lock)
        {
            (_sent, _taken) = (taken, taken);
            MakeRoom();
        }
    }

    /// <summary>The agent has taken all before the offset.</summary>
    public void Taken(long upTo)
    {
        lock (_lock)
        {
            _taken = Math.Clamp(upTo, _taken, _sent);
            MakeRoom();
        }
    }

    /// <summary>The agent has taken so many more.</summary>
    public void TakenMore(long bytes)
    {
        lock (_lock)
        {
            _taken = Math.Min(_taken + bytes, _sent);
            MakeRoom();
        }
    }

    /// <summary>Sends all, waiting for room. Several may send at a time: their pieces mix, and none is out of place.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="send">Sends a piece, with its offset; it must not wait.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, Action<long, ReadOnlyMemory<byte>> send, CancellationToken cancellationToken)
    {
        while (bytes.Length > 0)
        {
            Task room;
            lock (_lock)
            {
                if (ProtocolFacts.InputWindow - (_sent - _taken) is > 0 and var free)
                {
                    var piece = bytes[..(int)Math.Min(free, bytes.Length)];
                    send(_sent, piece);
                    _sent += piece.Length;
                    bytes = bytes[piece.Length..];
                    continue;
                }

                _room ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }

            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void MakeRoom()
    {
        _room?.TrySetResult();
        _room = null;
    }
}

using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>How far a stream into the guest is: no more than a window ahead of what the agent has taken.</summary>
internal sealed class GuestStream
{
    private readonly Lock _lock = new();
    private long _sent;
    private long _taken;
    private TaskCompletionSource? _room;

    /// <summary>Where the next byte goes, before it is sent.</summary>
    public long Offset
    {
        get
        {
            lock (_lock)
            {
                return _sent;
            }
        }
    }

    /// <summary>A connection begins: the agent has these bytes.</summary>
    public void Restart(long taken)
    {
        lock (_lock)
        {
            (_sent, _taken) = (taken, taken);
            _room?.TrySetResult();
        }
    }

    public void Taken(long upTo)
    {
        lock (_lock)
        {
            _taken = Math.Clamp(upTo, _taken, _sent);
            _room?.TrySetResult();
        }
    }

    public void TakenMore(long bytes) => Taken(_taken + bytes);

    /// <summary>Waits for room and takes some of it; returns how many bytes may be sent, at most those wanted, and where they begin.</summary>
    public async Task<(long Offset, int Bytes)> ReserveAsync(int wanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task room;
            lock (_lock)
            {
                var free = (int)(ProtocolFacts.InputWindow - (_sent - _taken));
                if (free > 0)
                {
                    var bytes = Math.Min(free, wanted);
                    _sent += bytes;
                    return (_sent - bytes, bytes);
                }

                _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }

            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}

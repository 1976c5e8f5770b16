using Berth.Linux;

namespace Berth.Logger;

/// <summary>One FIFO with a container's output. It is read when something is there, and never waited for.</summary>
internal sealed class LogStream : IDisposable
{
    /// <summary>Bytes of one read, so also of one entry at most: 16 KiB is what the kubelet's other peers split at.</summary>
    public const int ReadBytes = 16 * 1024;

    private static readonly byte[] Content = new byte[ReadBytes];
    private readonly LogFile _log;
    private readonly bool _isError;

    public LogStream(string fifo, bool isError, LogFile log)
    {
        (_isError, _log) = (isError, log);
        Fifo = SafeFd.OpenFifo(fifo, forWriting: false);
        Fifo.SetNonBlocking();
    }

    public SafeFd Fifo { get; }

    public bool Ended { get; private set; }

    /// <summary>Who gets a copy.</summary>
    public List<Follower> Followers { get; } = [];

    /// <summary>One of them is behind: output waits in the FIFO, and its writer with it.</summary>
    public bool IsHeld => Followers.Exists(static f => f.IsBehind);

    /// <summary>The loop does not look at it, as it is held.</summary>
    public bool IsOut { get; set; }

    /// <summary>Moves one read's worth into the log and to the followers; false if nothing was there, or it is held.</summary>
    public bool Step()
    {
        switch (IsHeld ? null : Fifo.Read(Content))
        {
            case null:
                return false;
            case 0:
                Dispose();
                return false;
            case { } count:
                _log.Append(_isError ? "stderr"u8 : "stdout"u8, Content.AsSpan(0, count));
                Followers.ForEach(f => f.Send(_isError ? Follower.Stderr : Follower.Stdout, Content.AsSpan(0, count)));
                return true;
        }
    }

    /// <summary>Moves all that is there.</summary>
    public void Drain()
    {
        while (!Ended && Step())
        {
        }
    }

    public void Dispose()
    {
        Ended = true;
        Fifo.Dispose();
    }
}

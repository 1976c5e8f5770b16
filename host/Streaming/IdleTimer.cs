namespace Berth.Streaming;

/// <summary>Cancels a session in which nothing has moved for long.</summary>
internal sealed class IdleTimer : IDisposable
{
    private readonly CancellationTokenSource _expired = new();
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;

    public IdleTimer(TimeProvider time, TimeSpan limit)
    {
        _limit = limit;
        _timer = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), _expired, _limit, Timeout.InfiniteTimeSpan);
    }

    public CancellationToken Expired => _expired.Token;

    /// <summary>Something moved. After the session's end it does nothing.</summary>
    public void Touch() => _timer.Change(_limit, Timeout.InfiniteTimeSpan);

    // The source is not disposed of: without a timer or a wait handle of its own it holds nothing, and a callback that runs at this
    // moment would throw at its Cancel, on a thread of the timer's, which ends the process.
    public void Dispose() => _timer.Dispose();
}

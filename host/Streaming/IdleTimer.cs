namespace Berth.Streaming;

/// <summary>Cancels a session in which nothing has moved for long.</summary>
internal sealed class IdleTimer : IDisposable
{
    /// <summary>As long as other runtimes wait; clients that ping never get there.</summary>
    public static readonly TimeSpan Default = TimeSpan.FromHours(4);

    private readonly CancellationTokenSource _expired = new();
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;

    public IdleTimer(TimeProvider time, TimeSpan? limit = null)
    {
        _limit = limit ?? Default;
        _timer = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), _expired, _limit, Timeout.InfiniteTimeSpan);
    }

    public CancellationToken Expired => _expired.Token;

    /// <summary>Something moved. After the session's end it does nothing.</summary>
    public void Touch() => _timer.Change(_limit, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _timer.Dispose();
        _expired.Dispose();
    }
}

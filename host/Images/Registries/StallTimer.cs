namespace Berth.Images.Registries;

/// <summary>
/// Bounds how long a peer may be silent, by what it has shown so far: one that answers at once is asked again soon when it does not,
/// one behind a slow line is waited for. To ask again is cheap, for a download goes on where it was.
/// </summary>
internal sealed class StallTimer(TimeProvider time)
{
    private const int Patience = 20;

    // Before anything is known, and the bounds. 15 seconds outlive a TCP connection's usual losses.
    private static readonly TimeSpan First = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(120);

    private long _longestTicks = -1;

    /// <summary>The silence that is borne now.</summary>
    public TimeSpan Limit => Interlocked.Read(ref _longestTicks) is >= 0 and var longest
        ? TimeSpan.FromTicks(Math.Clamp(longest * Patience, Least.Ticks, Most.Ticks))
        : First;

    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    public async ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> operation, CancellationToken cancellationToken)
    {
        var limit = Limit;
        var started = time.GetTimestamp();
        using var timer = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            var result = await operation(either.Token);
            Learn(time.GetElapsedTime(started));
            return result;
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {limit.TotalSeconds:0} seconds");
        }
    }

    private void Learn(TimeSpan silence)
    {
        long known;
        do
        {
            known = Interlocked.Read(ref _longestTicks);
        }
        while (silence.Ticks > known && Interlocked.CompareExchange(ref _longestTicks, silence.Ticks, known) != known);
    }
}

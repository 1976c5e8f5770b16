namespace Berth.Images.Registries;

/// <summary>Bounds how long a peer may be silent.</summary>
internal sealed class StallTimer(TimeProvider time, TimeSpan limit)
{
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    public async ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> operation, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            return await operation(either.Token);
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {limit.TotalSeconds:0} seconds");
        }
    }
}

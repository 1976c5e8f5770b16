using Berth.Abstractions;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// Work of which the caller is told in time, though its end may be later: either it is done and stays, or the caller hears that it is
/// not and nothing stays.
/// </summary>
internal sealed class TimedWork(CancellationToken token)
{
    private int _decided;

    /// <summary>The caller has given up.</summary>
    public CancellationToken Token => token;

    public static async Task RunAsync(string what, TimeSpan limit, TimeProvider time, Func<TimedWork, Task> body, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var work = new TimedWork(stop.Token);
        var running = body(work);
        try
        {
            await running.WaitAsync(limit > TimeSpan.Zero ? limit : Timeout.InfiniteTimeSpan, time, cancellationToken);
        }
        catch (Exception e) when ((e is TimeoutException or OperationCanceledException) && !running.IsCompleted)
        {
            if (!work.TryDecide())
            {
                await running;
                return;
            }

            await stop.CancelAsync();
            _ = running.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw e is TimeoutException
                ? new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"{what} was not done within {limit.TotalSeconds:0} s; nothing was written, and what runs on runs as before")
                : e;
        }
    }

    /// <summary>The last step, which makes the result seen; not if the caller was told otherwise.</summary>
    public void Commit(Action step)
    {
        token.ThrowIfCancellationRequested();
        if (!TryDecide())
        {
            throw new OperationCanceledException(token);
        }

        step();
    }

    private bool TryDecide() => Interlocked.Exchange(ref _decided, 1) == 0;
}

namespace Berth.Network;

/// <summary>A caller's token with a time limit on top, and which of the two it was.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _limit;
    private readonly CancellationTokenSource _both;
    private readonly CancellationToken _caller;

    public Deadline(TimeSpan limit, TimeProvider timeProvider, CancellationToken caller)
    {
        (Limit, _caller) = (limit, caller);
        _limit = new CancellationTokenSource(limit, timeProvider);
        _both = CancellationTokenSource.CreateLinkedTokenSource(caller, _limit.Token);
    }

    public TimeSpan Limit { get; }

    public CancellationToken Token => _both.Token;

    public bool Passed => _limit.IsCancellationRequested && !_caller.IsCancellationRequested;

    public void Dispose()
    {
        _both.Dispose();
        _limit.Dispose();
    }
}

namespace Berth.Metrics;

/// <summary>A cgroup and the last look at it. Only one thread looks at a time; nobody else ever waits for it.</summary>
internal sealed class SampledCgroup(CgroupUsageReader reader, TimeProvider timeProvider) : IDisposable
{
    private readonly Lock _gate = new();
    private volatile bool _disposed;
    private volatile Look? _look;

    public UsageSample? Last => _look?.Sample;

    public bool IsFresh(TimeSpan freshTime) => _look is { } look && timeProvider.GetElapsedTime(look.At) < freshTime;

    /// <summary>Looks, unless someone just did.</summary>
    public void Refresh(TimeSpan freshTime)
    {
        lock (_gate)
        {
            if (!_disposed && !IsFresh(freshTime) && reader.Read(timeProvider.GetUtcNow()) is { } usage)
            {
                var now = timeProvider.GetTimestamp();
                _look = new(new(usage, _look is { } before ? Rate(before, usage.CpuNanoseconds, now) : null), now);
            }
        }

        CloseIfDisposed();
    }

    public void Dispose()
    {
        _disposed = true;
        CloseIfDisposed();
    }

    // Either nobody looks now, or whoever does comes by here afterwards.
    private void CloseIfDisposed()
    {
        if (_disposed && _gate.TryEnter())
        {
            reader.Dispose();
            _gate.Exit();
        }
    }

    // A counter that went back is another cgroup's, of the same name.
    private ulong? Rate(Look before, ulong? cpu, long now)
    {
        var elapsed = timeProvider.GetElapsedTime(before.At, now);
        return cpu - before.Sample.Usage.CpuNanoseconds is { } spent && cpu >= before.Sample.Usage.CpuNanoseconds && elapsed > TimeSpan.Zero
            ? (ulong)(spent / elapsed.TotalSeconds)
            : null;
    }

    private sealed record Look(UsageSample Sample, long At);
}

namespace Berth.Metrics;

/// <summary>
/// Gives memory back after work: a big pull or a burst of pods leaves a heap that the collector keeps until it needs it, and a
/// node pays for it. One compacting collection once nothing has been allocated for a while.
/// </summary>
public sealed class IdleTrim(TimeProvider time) : BackgroundService
{
    private const long BusyBytes = 4L * 1024 * 1024;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        var (seen, trimmed) = (0L, false);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var allocated = GC.GetTotalAllocatedBytes();
            var busy = allocated - seen > BusyBytes;
            seen = allocated;
            if (!busy && !trimmed)
            {
                GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }

            trimmed = !busy;
        }
    }
}

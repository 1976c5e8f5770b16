namespace Berth.Plugins;

/// <summary>Keeps the health of every handler fresh, each at its own pace: one that hangs holds up no other.</summary>
public sealed class HandlerHealthLoop(HandlerTable table, TimeProvider time) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var running = new List<Task>();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                running.RemoveAll(static t => t.IsCompleted);
                running.AddRange(table.Current.Handlers.Values.Select(h => h.Handler?.Health.RefreshAsync(stoppingToken) ?? Task.CompletedTask));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Each has the same token, so it ends with it at once; what it ends with is of no interest any more.
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

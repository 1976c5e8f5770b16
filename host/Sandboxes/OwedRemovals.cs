namespace Berth.Sandboxes;

/// <summary>
/// Finishes what a removal or an undo could not: a busy mount, a handler that was away. A kubelet may have given up on the
/// id long ago, so nobody else would.
/// </summary>
public sealed class OwedRemovals(SandboxRegistry registry, SandboxRemover remover, ISandboxContainers containers, TimeProvider time, ILogger<OwedRemovals> log)
    : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            await RetryAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task RetryAsync(CancellationToken cancellationToken)
    {
        foreach (var sandbox in registry.All().Where(static s => s.Phase == SandboxPhase.Removing))
        {
            await TryAsync(() => remover.RemoveAsync(sandbox.Id, cancellationToken));
        }

        await TryAsync(() => containers.RemoveOwedAsync(cancellationToken));
    }

    private async Task TryAsync(Func<Task> removal)
    {
        try
        {
            await removal();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SandboxLog.StillOwed(log, e.Message);
        }
    }
}

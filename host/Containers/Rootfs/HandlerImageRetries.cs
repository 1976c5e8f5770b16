namespace Berth.Containers.Rootfs;

/// <summary>Goes on releasing copies of images: those that an earlier process left half made, and those of handlers that were away.</summary>
public sealed class HandlerImageRetries(HandlerImages images, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            await images.CollectAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}

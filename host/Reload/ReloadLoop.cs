using System.Runtime.InteropServices;
using Berth.Plugins;

namespace Berth.Reload;

/// <summary>Reloads when files have changed and on SIGHUP, and tidies up while anything drains.</summary>
public sealed class ReloadLoop(HandlerTable table, Reloader reloader, TimeProvider time, ILogger<ReloadLoop> log) : BackgroundService
{
    private static readonly TimeSpan Rescan = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan TidyPause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            // Its default would end the process.
            context.Cancel = true;
            _ = TryAsync(() => reloader.ReloadAsync("SIGHUP", retry: true, stoppingToken));
        });
        using var watch = new ChangeWatch(table.Current.Options, time);
        try
        {
            // What has changed since the start read it.
            await TryAsync(() => reloader.ReloadAsync("start", retry: false, stoppingToken));
            while (true)
            {
                if (await watch.ChangedAsync(table.Current.Options, reloader.HasWork ? TidyPause : Rescan, stoppingToken))
                {
                    await TryAsync(() => reloader.ReloadAsync("files changed", retry: false, stoppingToken));
                }
                else if (reloader.HasWork)
                {
                    await TryAsync(() => reloader.TidyAsync(stoppingToken));
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway ends.
        }
    }

    // A background loop: what fails is in the log, and the next change is another chance.
    private async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            ReloadLog.ReloadFailed(log, e, "background");
        }
    }
}

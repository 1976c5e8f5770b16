using Berth.Abstractions;
using Berth.Plugins;
using Berth.Plugins.Health;

namespace Berth.Reload;

/// <summary>
/// Tries what is quarantined when its time is over: its code is loaded if that was held back, and its check decides. On operators' word
/// it lets go at once.
/// </summary>
public sealed class Probation(HandlerTable table, Quarantine quarantine, IReloader reloader, TimeProvider time, ILogger<Probation> log) : BackgroundService, IQuarantineRelease
{
    // Task.Delay takes no more than some weeks, and clocks are set.
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly Dictionary<string, Task> _trials = [];

    /// <inheritdoc/>
    public async Task ReleaseAsync(string plugin, CancellationToken cancellationToken)
    {
        if (!table.Current.Plugins.Any(p => p.Id == plugin))
        {
            throw RuntimeException.InvalidArgument($"there is no plugin '{plugin}'; {Configuration.NearestName.Hint(plugin, [.. table.Current.Plugins.Select(static p => p.Id).Distinct()])}");
        }

        if (quarantine.Release(plugin).Any(static c => c.IsHeld))
        {
            await reloader.ReloadAsync("release", retry: true, cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = quarantine.Changed;
            Begin(stoppingToken);
            // A trial tells its result before it has ended, and only then its case can be due again.
            await Task.WhenAny([changed, Task.Delay(UntilNext(), time, stoppingToken), .. _trials.Values]);
        }
    }

    // One that hangs in its check holds up no other.
    private void Begin(CancellationToken stoppingToken)
    {
        foreach (var ended in _trials.Where(static t => t.Value.IsCompleted).ToList())
        {
            _trials.Remove(ended.Key);
        }

        foreach (var due in quarantine.Open.Where(c => c.Until <= time.GetUtcNow() && !_trials.ContainsKey(c.Id)))
        {
            _trials[due.Id] = TryAsync(due, stoppingToken);
        }
    }

    private TimeSpan UntilNext()
    {
        var waiting = quarantine.Open.Where(c => !_trials.ContainsKey(c.Id)).Select(c => c.Until!.Value - time.GetUtcNow()).Append(LongestWait).Min();
        return waiting > TimeSpan.Zero ? waiting : TimeSpan.FromMilliseconds(1);
    }

    private async Task TryAsync(QuarantineCase due, CancellationToken cancellationToken)
    {
        try
        {
            if (due.IsHeld)
            {
                quarantine.Try(due);
                await reloader.ReloadAsync("probation", retry: true, cancellationToken);
            }

            await JudgeAsync(due, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            quarantine.Fail(due, $"it could not be tried: {e.Message}");
            ReloadLog.ReloadFailed(log, e, "probation");
        }
    }

    private async Task JudgeAsync(QuarantineCase due, CancellationToken cancellationToken)
    {
        var current = table.Current;
        var handlers = current.Handlers.Values.Concat(current.Draining)
            .Where(h => due.Handler.Length > 0 ? h.Key == due.Key : h.PluginDigest == due.Instance)
            .DistinctBy(static h => h.Key).ToList();
        if (handlers.Count == 0)
        {
            // Its version is not there any more.
            quarantine.Forget(due);
            return;
        }

        await Task.WhenAll(handlers.Select(h => h.Handler?.Health.RefreshAsync(cancellationToken) ?? Task.CompletedTask));
        var failures = handlers.Select(static h => h.Handler is { } made ? made.Health.Reason : h.Failure).Where(static r => r.Length > 0).ToList();
        if (failures.Count > 0)
        {
            quarantine.Fail(due, $"it was tried and is not well: {failures[0]}");
        }
        else
        {
            quarantine.Pass(due);
        }
    }
}

using Berth.Configuration;
using Berth.Containers;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Plugins.Remote;
using Berth.Sandboxes;

namespace Berth.Reload;

/// <summary>
/// One reload at a time: read the configuration, load what the folders hold, swap, then move and let go of what drains. A failure at
/// any point leaves in force what was.
/// </summary>
public sealed class Reloader(
    BerthOptions atStart,
    HandlerTable table,
    PluginCatalog catalog,
    PluginRetirement retirement,
    PodMoves moves,
    Recovery recovery,
    RemotePlugins remote,
    SandboxRegistry sandboxes,
    CgroupTree cgroups,
    BerthMetrics metrics,
    TimeProvider time,
    ILogger<Reloader> log) : IReloader, IDisposable
{
    private readonly ConfigurationReload _configuration = new(atStart);
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Something drains, or is still in memory.</summary>
    public bool HasWork => table.Current.Draining.Count > 0 || retirement.Remnants > 0;

    /// <inheritdoc/>
    public async Task<ReloadState> ReloadAsync(string trigger, bool retry, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            // Whoever asked may give up; the reload ends by itself.
            return await ReloadOnceAsync(trigger, retry);
        }
        catch (Exception e)
        {
            ReloadLog.ReloadFailed(log, e, trigger);
            metrics.Reloaded("failed");
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Moves pods to the versions in force, and lets go of what has none left.</summary>
    public async Task TidyAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            await TidyOnceAsync(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<ReloadState> ReloadOnceAsync(string trigger, bool retry)
    {
        var before = table.Current;
        var reading = _configuration.Read(before.Options, retry);
        var problem = reading.Problem;
        PluginSnapshot next;
        try
        {
            next = await catalog.LoadAsync(reading.Options, cgroups.Driver, before, retry, CancellationToken.None);
        }
        catch (HandlerOptionsException e) when (!ReferenceEquals(reading.Options, before.Options))
        {
            // The folders are looked at all the same, under the configuration that stays.
            problem = _configuration.Refuse(e.Message);
            next = await catalog.LoadAsync(before.Options, cgroups.Driver, before, retry, CancellationToken.None);
        }

        table.Swap(next);
        remote.Limit(next.Options.Plugins);
        retirement.LetGoOf(before);
        await recovery.AdoptLeftAsync(CancellationToken.None);
        await TidyOnceAsync(CancellationToken.None);
        return Report(trigger, before, next, reading with { Problem = problem });
    }

    private async Task TidyOnceAsync(CancellationToken cancellationToken)
    {
        await moves.RunAsync(cancellationToken);
        retirement.Collect(key => sandboxes.All().Any(s => s.HandlerKey == key));
    }

    private ReloadState Report(string trigger, PluginSnapshot before, PluginSnapshot next, ConfigurationReading reading)
    {
        var earlier = table.LastReload;
        var state = new ReloadState
        {
            Generation = next.Generation,
            At = time.GetUtcNow(),
            Trigger = trigger,
            ConfigurationProblem = reading.Problem,
            RestartKeys = reading.RestartKeys,
        };
        table.LastReload = state;
        if (next.Generation != before.Generation)
        {
            ReloadLog.Reloaded(log, trigger, next.Generation);
        }

        if (reading.Problem.Length > 0 && reading.Problem != earlier.ConfigurationProblem)
        {
            ReloadLog.ConfigurationRefused(log, trigger, reading.Problem.ReplaceLineEndings("; "));
        }

        if (reading.RestartKeys.Count > 0 && !reading.RestartKeys.SequenceEqual(earlier.RestartKeys))
        {
            ReloadLog.RestartNeeded(log, string.Join(", ", reading.RestartKeys));
        }

        var refusals = PluginRefusals.Count(metrics, before, next);
        metrics.Reloaded(reading.Problem.Length > 0 ? "refused" : refusals > 0 ? "version-refused" : next.Generation == before.Generation ? "unchanged" : "done");
        return state;
    }
}

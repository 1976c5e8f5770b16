using System.Collections.Concurrent;
using Berth.Linux;

namespace Berth.Metrics;

/// <summary>
/// The one reader of cgroup usage: it looks at every registered cgroup about every ten seconds, and at one again when asked
/// for it and the last look is older than a second.
/// </summary>
public sealed class CgroupSampler(CgroupLayout layout, TimeProvider timeProvider) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FreshTime = TimeSpan.FromSeconds(1);

    // A read can wait for the kernel to sum up its counters; whoever asks gets the older sample then.
    private static readonly TimeSpan ReadTimeLimit = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, SampledCgroup> _cgroups = new();

    /// <summary>Begins to sample a cgroup, which need not exist yet. A second call for the id replaces the first.</summary>
    /// <param name="containerId">A container's or sandbox's id.</param>
    /// <param name="cgroupPath">Beneath the root of each hierarchy, with a leading slash.</param>
    public void Register(string containerId, string cgroupPath)
    {
        var added = new SampledCgroup(new CgroupUsageReader(layout, cgroupPath), timeProvider);
        SampledCgroup? replaced = null;
        _cgroups.AddOrUpdate(containerId, added, (_, old) =>
        {
            replaced = old;
            return added;
        });
        replaced?.Dispose();
    }

    /// <summary>Ends it; an unknown id is ignored.</summary>
    public void Unregister(string containerId)
    {
        if (_cgroups.TryRemove(containerId, out var removed))
        {
            removed.Dispose();
        }
    }

    /// <summary>The newest sample; null for an unknown id and a cgroup that was never there. One that is gone answers with its last.</summary>
    public async Task<UsageSample?> GetAsync(string containerId, CancellationToken cancellationToken)
    {
        if (!_cgroups.TryGetValue(containerId, out var cgroup))
        {
            return null;
        }

        if (!cgroup.IsFresh(FreshTime))
        {
            await WithinLimitAsync(() => cgroup.Refresh(FreshTime), cancellationToken);
        }

        return cgroup.Last;
    }

    /// <summary>
    /// The last samples of many, by id: what was ever read is not read again here, for the loop does that. An id without a sample is
    /// left out.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, UsageSample>> LastAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var cgroups = ids.Select(id => (Id: id, Cgroup: _cgroups.GetValueOrDefault(id))).Where(static c => c.Cgroup is not null).ToList();
        var fresh = cgroups.Where(static c => c.Cgroup!.Last is null).Select(static c => c.Cgroup!).ToList();
        if (fresh.Count > 0)
        {
            await WithinLimitAsync(() => fresh.ForEach(static c => c.Refresh(FreshTime)), cancellationToken);
        }

        return cgroups.Where(static c => c.Cgroup!.Last is not null).ToDictionary(static c => c.Id, static c => c.Cgroup!.Last!);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var id in _cgroups.Keys)
        {
            Unregister(id);
        }

        base.Dispose();
    }

    private async Task WithinLimitAsync(Action look, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Run(look, CancellationToken.None).WaitAsync(ReadTimeLimit, timeProvider, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The look goes on by itself; the next caller has it.
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            // The jitter keeps the nodes of a cluster that started together from sampling together.
            var pause = Period * (0.9 + (0.2 * Random.Shared.NextDouble()));
            await Task.Delay(pause, timeProvider, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var cgroup in _cgroups.Values)
            {
                if (stoppingToken.IsCancellationRequested)
                {
                    return;
                }

                cgroup.Refresh(FreshTime);
            }
        }
    }
}

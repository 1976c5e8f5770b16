using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>A pod's usage. The network is that of the pod's own interfaces; empty for a pod on the host's network.</summary>
public sealed record SandboxUsageSample(ResourceUsage Usage, ulong? UsageNanoCores, IReadOnlyList<LinkUsage> Links, DateTimeOffset LinksAt);

/// <summary>
/// Usage of whole pods: from the pod's cgroup, or from its handler where the host's cgroups do not show it, and from its network
/// namespace. One thread visits the namespaces of all pods that are asked for.
/// </summary>
public sealed class SandboxUsage(CgroupSampler sampler, HandlerSamples samples, SandboxObjects objects, HandlerTable handlers, TimeProvider time)
{
    // Several who ask at once share a look.
    private static readonly TimeSpan FreshTime = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, (IReadOnlyList<LinkUsage> Links, DateTimeOffset At)> _links = new();
    private int _looking;

    /// <summary>The newest sample; null for a pod that is not ready or cannot be read.</summary>
    public async Task<SandboxUsageSample?> GetAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        if (sandbox.Phase != SandboxPhase.Ready)
        {
            return null;
        }

        await Task.Run(() => ReadLinks(Stale([sandbox])), cancellationToken);
        var usage = IsTold(sandbox) ? await AskAsync(sandbox, cancellationToken) : await sampler.GetAsync(sandbox.Id, cancellationToken);
        return With(sandbox, usage);
    }

    /// <summary>
    /// The last samples of many, by id. What was read before is read again beside the call, not within it: a list of hundreds of pods
    /// answers at once, and the next one has it.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, SandboxUsageSample?>> GetAsync(IReadOnlyList<Sandbox> sandboxes, CancellationToken cancellationToken)
    {
        var ready = sandboxes.Where(static s => s.Phase == SandboxPhase.Ready).ToList();
        await Task.Run(() => ReadLinks([.. ready.Where(s => s.Network is not null && !_links.ContainsKey(s.Id))]), cancellationToken);
        RefreshLinks(Stale(ready));
        var told = ready.Where(IsTold).ToList();
        var asked = await Task.WhenAll(told.Select(s => AskAsync(s, cancellationToken)));
        var last = await sampler.LastAsync([.. ready.Except(told).Select(static s => s.Id)], cancellationToken);
        return told.Zip(asked).Concat(ready.Except(told).Select(s => (s, last.GetValueOrDefault(s.Id))))
            .ToDictionary(static s => s.Item1.Id, s => With(s.Item1, s.Item2));
    }

    /// <summary>Begins to sample a pod's cgroup.</summary>
    public void Begin(Sandbox sandbox) => sampler.Register(sandbox.Id, sandbox.Cgroup.Path);

    /// <summary>Ends it.</summary>
    public void End(string id)
    {
        sampler.Unregister(id);
        samples.Forget(id);
        _links.TryRemove(id, out _);
    }

    private SandboxUsageSample? With(Sandbox sandbox, UsageSample? sample)
    {
        var (links, at) = _links.GetValueOrDefault(sandbox.Id, ([], time.GetUtcNow()));
        return sample is null ? null : new(sample.Usage, sample.UsageNanoCores, links, at);
    }

    private bool IsTold(Sandbox sandbox) => handlers.Current.Find(sandbox.HandlerKey)?.Handler is { Health.Features.Stats: StatsSource.Handler };

    private async Task<UsageSample?> AskAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        using var live = objects.TryUse(sandbox.Id);
        return live is null ? null : samples.Take(sandbox.Id, await live.Object.StatsAsync(cancellationToken));
    }

    private List<Sandbox> Stale(IReadOnlyList<Sandbox> sandboxes)
    {
        var now = time.GetUtcNow();
        return [.. sandboxes.Where(s => s.Network is not null && (!_links.TryGetValue(s.Id, out var known) || now - known.At > FreshTime))];
    }

    // One look at a time: who comes while it is under way gets what there is.
    private void RefreshLinks(List<Sandbox> stale)
    {
        if (stale.Count > 0 && Interlocked.Exchange(ref _looking, 1) == 0)
        {
            _ = Task.Run(() =>
            {
                try
                {
                    ReadLinks(stale);
                }
                finally
                {
                    Volatile.Write(ref _looking, 0);
                }
            });
        }
    }

    private void ReadLinks(List<Sandbox> stale)
    {
        if (stale.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        var byPath = stale.ToDictionary(static s => s.Network!.NamespacePath, static s => s.Id);
        foreach (var (path, links) in LinkUsage.ReadAll([.. byPath.Keys]))
        {
            _links[byPath[path]] = ([.. links.Where(static l => l.Name != "lo")], now);
        }
    }
}

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

    /// <summary>The newest sample of each; null for one that is not ready or cannot be read.</summary>
    public async Task<IReadOnlyDictionary<string, SandboxUsageSample?>> GetAsync(IReadOnlyList<Sandbox> sandboxes, CancellationToken cancellationToken)
    {
        var ready = sandboxes.Where(static s => s.Phase == SandboxPhase.Ready).ToList();
        await Task.Run(() => ReadLinks(ready), cancellationToken);
        var samples = await Task.WhenAll(ready.Select(async s => (s.Id, Sample: await ReadAsync(s, cancellationToken))));
        return samples.ToDictionary(static s => s.Id, static s => s.Sample);
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

    private async Task<SandboxUsageSample?> ReadAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        var (links, at) = _links.GetValueOrDefault(sandbox.Id, ([], time.GetUtcNow()));
        return await UsageAsync(sandbox, cancellationToken) is { } sample ? new(sample.Usage, sample.UsageNanoCores, links, at) : null;
    }

    private async Task<UsageSample?> UsageAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        if (handlers.Current.Find(sandbox.HandlerKey)?.Handler is not { Health.Features.Stats: StatsSource.Handler })
        {
            return await sampler.GetAsync(sandbox.Id, cancellationToken);
        }

        return objects.Find(sandbox.Id) is { } live ? samples.Take(sandbox.Id, await live.StatsAsync(cancellationToken)) : null;
    }

    private void ReadLinks(IReadOnlyList<Sandbox> sandboxes)
    {
        var now = time.GetUtcNow();
        var stale = sandboxes
            .Where(s => s.Network is not null && (!_links.TryGetValue(s.Id, out var known) || now - known.At > FreshTime))
            .ToDictionary(static s => s.Network!.NamespacePath, static s => s.Id);
        if (stale.Count == 0)
        {
            return;
        }

        foreach (var (path, links) in LinkUsage.ReadAll([.. stale.Keys]))
        {
            _links[stale[path]] = ([.. links.Where(static l => l.Name != "lo")], now);
        }
    }
}

using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Images;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>A container's usage, with that of its writable layer.</summary>
public sealed record ContainerUsageSample(ResourceUsage Usage, ulong? UsageNanoCores, long WritableBytes, long WritableInodes, string WritableMountpoint);

/// <summary>Usage of containers, from the sampler's memory; a handler is asked only where the host has no cgroup to read.</summary>
public sealed class ContainerUsage(
    CgroupSampler sampler, HandlerSamples samples, Snapshots snapshots, ImageFileSystem fileSystem, SandboxObjects objects, HandlerTable handlers, SandboxRegistry sandboxes, TimeProvider time)
{
    // A walk of the layer: kubelets ask every ten seconds and can wait for this figure.
    private static readonly TimeSpan WalkPeriod = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (TreeUsage Usage, DateTimeOffset At)> _writable = new();

    /// <summary>The newest sample, or null for a container that does not run.</summary>
    public async Task<ContainerUsageSample?> GetAsync(Container container, CancellationToken cancellationToken)
    {
        if (await ReadAsync(container, cancellationToken) is not { } sample)
        {
            return null;
        }

        var writable = sample.Usage is { WritableLayerBytes: { } bytes, WritableLayerInodes: { } inodes }
            ? new((long)bytes, (long)inodes)
            : await WritableAsync(container.Id, cancellationToken);
        return new(sample.Usage, sample.UsageNanoCores, writable.Bytes, writable.Inodes, fileSystem.MountPoint);
    }

    public void Forget(string containerId)
    {
        _writable.TryRemove(containerId, out _);
        samples.Forget(containerId);
    }

    private async Task<TreeUsage> WritableAsync(string id, CancellationToken cancellationToken)
    {
        if (_writable.TryGetValue(id, out var known) && time.GetUtcNow() - known.At < WalkPeriod)
        {
            return known.Usage;
        }

        var usage = await Task.Run(() => snapshots.Usage(id), cancellationToken);
        _writable[id] = (usage, time.GetUtcNow());
        return usage;
    }

    private async Task<UsageSample?> ReadAsync(Container container, CancellationToken cancellationToken)
    {
        var fromHandler = sandboxes.Get(container.SandboxId)?.HandlerKey is { } key && handlers.Current.Find(key)?.Handler is { Health.Features.Stats: StatsSource.Handler };
        if (!fromHandler)
        {
            return await sampler.GetAsync(container.Id, cancellationToken);
        }

        return container.Phase == ContainerPhase.Running && objects.Find(container.SandboxId)?.FindContainer(container.Id) is { } live
            ? samples.Take(container.Id, await live.StatsAsync(cancellationToken))
            : null;
    }
}

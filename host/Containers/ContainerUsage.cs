using Berth.Abstractions;
using Berth.Images;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>A container's usage, with that of its writable layer; null where it is not measured yet.</summary>
public sealed record ContainerUsageSample(ResourceUsage Usage, ulong? UsageNanoCores, TreeUsage? Writable, string WritableMountpoint);

/// <summary>Usage of containers, from the sampler's memory; a handler is asked only where the host has no cgroup to read.</summary>
public sealed class ContainerUsage(
    CgroupSampler sampler, HandlerSamples samples, WritableLayers layers, ImageFileSystem fileSystem, SandboxObjects objects, HandlerTable handlers, SandboxRegistry sandboxes)
{
    /// <summary>The newest sample, or null for a container that does not run.</summary>
    public async Task<ContainerUsageSample?> GetAsync(Container container, CancellationToken cancellationToken)
    {
        var sample = IsTold(container) ? await AskAsync(container, cancellationToken) : await sampler.GetAsync(container.Id, cancellationToken);
        return sample is null ? null : With(sample, Told(sample.Usage) ?? await layers.GetAsync(container.Id, cancellationToken));
    }

    /// <summary>The last samples of many, by id: where there is one nothing is read, whatever its age, which the sampler bounds.</summary>
    public async Task<IReadOnlyDictionary<string, ContainerUsageSample?>> GetAsync(IReadOnlyList<Container> containers, CancellationToken cancellationToken)
    {
        var told = containers.Where(IsTold).ToList();
        var asked = await Task.WhenAll(told.Select(c => AskAsync(c, cancellationToken)));
        var read = containers.Except(told).Select(static c => c.Id).ToList();
        var last = await sampler.LastAsync(read, cancellationToken);
        return told.Select(static c => c.Id).Zip(asked).Concat(read.Select(id => (id, last.GetValueOrDefault(id))))
            .ToDictionary(static s => s.Item1, s => s.Item2 is { } sample ? With(sample, Told(sample.Usage) ?? layers.Last(s.Item1)) : null);
    }

    public void Forget(string containerId)
    {
        layers.Forget(containerId);
        samples.Forget(containerId);
    }

    private static TreeUsage? Told(ResourceUsage usage) => usage is { WritableLayerBytes: { } bytes, WritableLayerInodes: { } inodes } ? new((long)bytes, (long)inodes) : null;

    private ContainerUsageSample With(UsageSample sample, TreeUsage? writable) => new(sample.Usage, sample.UsageNanoCores, writable, fileSystem.MountPoint);

    private bool IsTold(Container container) =>
        sandboxes.Get(container.SandboxId)?.HandlerKey is { } key && handlers.Current.Find(key)?.Handler is { Health.Features.Stats: StatsSource.Handler };

    private async Task<UsageSample?> AskAsync(Container container, CancellationToken cancellationToken)
    {
        using var live = container.Phase == ContainerPhase.Running ? objects.TryUseContainer(container.SandboxId, container.Id) : null;
        return live is null ? null : samples.Take(container.Id, await live.Object.StatsAsync(cancellationToken));
    }
}

using System.Text.Json;
using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Spec;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>UpdateContainerResources: what the request leaves out stays as it is.</summary>
public sealed class ContainerUpdater(
    ContainerRegistry registry, SandboxRegistry sandboxes, SandboxObjects objects, HandlerTable handlers, HostFacts host, KeyedLock locks)
{
    public async Task UpdateAsync(string id, ContainerResources resources, CancellationToken cancellationToken)
    {
        var found = registry.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        using var held = await locks.AcquireAsync(found.Id, cancellationToken);
        var container = registry.Get(found.Id) ?? throw RuntimeException.NotFound($"container {id} was removed");
        if (container.Phase is not (ContainerPhase.Created or ContainerPhase.Running))
        {
            throw RuntimeException.FailedPrecondition($"container {container.Id} is {container.Phase}: its resources cannot be updated");
        }

        DemandUpdates(container);
        var merged = ResourceChange.Merge(container.Resources, resources);
        merged = merged with { OomScoreAdj = OomScore.Clamp(merged.OomScoreAdj, host.OomScoreFloor) };
        using var live = objects.UseContainer(container.SandboxId, container.Id);
        await live.Object.UpdateAsync(JsonSerializer.SerializeToElement(ResourcePlan.Create(merged, host), OciJson.Default.OciResources), CancellationToken.None);
        if (merged.OomScoreAdj != container.Resources.OomScoreAdj && !await OomScores.SetAsync(live.Object, (int)merged.OomScoreAdj, CancellationToken.None))
        {
            merged = merged with { OomScoreAdj = container.Resources.OomScoreAdj };
        }

        registry.Update(container.Id, c => c with { Resources = merged });
    }

    private void DemandUpdates(Container container)
    {
        if (sandboxes.Get(container.SandboxId)?.HandlerKey is { } key && handlers.Current.Get(key) is { Health.Features.LimitUpdates: false })
        {
            throw RuntimeException.FailedPrecondition(
                $"container {container.Id}: handler {key.Name} cannot change the limits of a running container; create it again with the limits that it needs");
        }
    }
}

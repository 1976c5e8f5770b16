using Berth.Common;

namespace Berth.Containers;

/// <summary>RemoveContainer: kills what runs and removes all of it. What is unknown is success.</summary>
public sealed class ContainerRemover(ContainerRegistry registry, ContainerTeardown teardown)
{
    private readonly SingleFlight<bool> _running = new();

    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        var container = registry.Find(id) ?? registry.Get(id);
        return container is null ? Task.CompletedTask : _running.RunAsync(container.Id, () => RemoveOnceAsync(container.Id), cancellationToken);
    }

    private async Task<bool> RemoveOnceAsync(string id)
    {
        await teardown.RemoveAsync(id, CancellationToken.None);
        return true;
    }
}

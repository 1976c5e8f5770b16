using Berth.Abstractions;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>ReopenContainerLog: after the kubelet has renamed the file.</summary>
public sealed class ContainerLogs(ContainerRegistry registry, SandboxObjects objects)
{
    public async Task ReopenAsync(string id, CancellationToken cancellationToken)
    {
        var container = registry.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        if (container.Phase != ContainerPhase.Running)
        {
            throw RuntimeException.FailedPrecondition($"container {container.Id} is {container.Phase}: only a running one has a log to reopen");
        }

        using var live = objects.UseContainer(container.SandboxId, container.Id);
        await live.Object.ReopenLogAsync(cancellationToken);
    }
}

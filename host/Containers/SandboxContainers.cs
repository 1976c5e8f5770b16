using Berth.Abstractions;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>The containers of a sandbox that ends.</summary>
public sealed class SandboxContainers(
    ContainerRegistry registry,
    ContainerStopper stopper,
    ContainerRemover remover,
    ContainerExits exits,
    TimeProvider time) : ISandboxContainers
{
    // An end is told by the task that the handler completes, and put on record behind it.
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(2);

    public Task KillAllAsync(string sandboxId, CancellationToken cancellationToken) =>
        Task.WhenAll(registry.OfSandbox(sandboxId).Select(c => stopper.KillAsync(c, cancellationToken)));

    public Task RemoveAllAsync(string sandboxId, CancellationToken cancellationToken) =>
        Task.WhenAll(registry.OfSandbox(sandboxId).Select(c => remover.RemoveAsync(c.Id, cancellationToken)));

    public Task RemoveOwedAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(registry.All().Where(static c => c.Phase == ContainerPhase.Removing).Select(c => remover.RemoveAsync(c.Id, cancellationToken)));

    public void RecordLost(string sandboxId, string reason)
    {
        foreach (var container in registry.OfSandbox(sandboxId))
        {
            exits.Record(container.Id, new ProcessExit { Code = 255, FinishedAt = time.GetUtcNow(), LostReason = reason });
        }
    }

    public async Task EndWithAsync(string sandboxId, string reason)
    {
        var recorded = Task.WhenAll(registry.OfSandbox(sandboxId).Select(c => exits.RecordedAsync(c.Id)));
        await recorded.WaitAsync(EndTime, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        RecordLost(sandboxId, reason);
    }

    public IReadOnlyList<string> CgroupPaths(string sandboxId) => [.. registry.OfSandbox(sandboxId).Select(static c => c.CgroupPath)];
}

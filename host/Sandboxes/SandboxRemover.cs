using Berth.Common;

namespace Berth.Sandboxes;

/// <summary>RemovePodSandbox: stops what runs and removes all of it. What is unknown is success.</summary>
public sealed class SandboxRemover(SandboxRegistry registry, SandboxTeardown teardown)
{
    private readonly SingleFlight<bool> _running = new();

    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        var sandbox = registry.Find(id) ?? registry.Get(id);
        return sandbox is null ? Task.CompletedTask : _running.RunAsync(sandbox.Id, () => RemoveOnceAsync(sandbox.Id), cancellationToken);
    }

    private async Task<bool> RemoveOnceAsync(string id)
    {
        await teardown.RemoveAllAsync(id, CancellationToken.None);
        return true;
    }
}

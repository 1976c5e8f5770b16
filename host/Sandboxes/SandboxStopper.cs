using Berth.Common;

namespace Berth.Sandboxes;

/// <summary>StopPodSandbox: ends the containers and gives the network back. What is unknown or stopped is success.</summary>
public sealed class SandboxStopper(SandboxRegistry registry, SandboxTeardown teardown)
{
    private readonly SingleFlight<bool> _running = new();

    public Task StopAsync(string id, CancellationToken cancellationToken)
    {
        var sandbox = registry.Find(id);
        return sandbox is null ? Task.CompletedTask : _running.RunAsync(sandbox.Id, () => StopOnceAsync(sandbox.Id), cancellationToken);
    }

    private async Task<bool> StopOnceAsync(string id)
    {
        // DEL is right even for a sandbox that went down by itself, so only a finished stop ends here.
        var sandbox = registry.Update(id, static s => s.Phase == SandboxPhase.Ready ? s with { Phase = SandboxPhase.Stopping } : s);
        if (sandbox is null or { Phase: SandboxPhase.Removing } or { Phase: SandboxPhase.NotReady, Ended: true })
        {
            return false;
        }

        await teardown.EndAsync(id, CancellationToken.None);
        registry.Update(id, static s => s with { Phase = SandboxPhase.NotReady, Ended = true, Owed = null });
        return true;
    }
}

using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Common;

namespace Berth.Sandboxes;

/// <summary>The handlers' live objects. A sandbox without one is listed all the same; it can only be stopped and removed.</summary>
public sealed class SandboxObjects(SandboxRegistry registry, Notices notices, ILogger<SandboxObjects> log)
{
    private readonly ConcurrentDictionary<string, ISandbox> _live = new();

    /// <summary>Keeps the object, and watches for the end of what holds the pod.</summary>
    public void Adopt(ISandbox sandbox)
    {
        _live[sandbox.Id] = sandbox;
        _ = WatchAsync(sandbox);
    }

    public ISandbox? Find(string sandboxId) => _live.GetValueOrDefault(sandboxId);

    /// <summary>The live sandbox.</summary>
    /// <exception cref="RuntimeException">Its handler could not adopt it, or is gone.</exception>
    public ISandbox Require(string sandboxId) =>
        Find(sandboxId) ?? throw RuntimeException.Unavailable(
            $"sandbox {sandboxId}: its handler {registry.Get(sandboxId)?.Handler} does not have it; see `berth handlers`. The pod can be stopped and removed");

    public void Drop(string sandboxId) => _live.TryRemove(sandboxId, out _);

    private async Task WatchAsync(ISandbox sandbox)
    {
        var exit = await sandbox.Exit;
        if (!ReferenceEquals(Find(sandbox.Id), sandbox))
        {
            // A newer object has it; what the older one makes of being let go of is no end of the pod.
            return;
        }

        var changed = registry.Update(sandbox.Id, s => s.Phase == SandboxPhase.Ready ? s with { Phase = SandboxPhase.NotReady } : s);
        if (changed is { Phase: SandboxPhase.NotReady })
        {
            SandboxLog.HolderDied(log, sandbox.Id, changed.Handler, exit.Code);
            notices.Post(new(SandboxFacts.NoticeOf(changed.Spec), "SandboxLost", $"what handler {changed.Handler} held the pod by has ended with status {exit.Code}: the pod is started anew", IsWarning: true));
        }
    }
}

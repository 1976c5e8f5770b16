using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Common;
using Berth.Plugins;

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

    /// <summary>Whether a handler has the pod.</summary>
    public bool Has(string sandboxId) => _live.ContainsKey(sandboxId);

    /// <summary>The live sandbox, to be disposed of after the call; null if no handler has it.</summary>
    public InUse<ISandbox>? TryUse(string sandboxId)
    {
        while (_live.TryGetValue(sandboxId, out var live))
        {
            var hold = (live as GuardedSandbox)?.Hold();
            // Held first and looked at again: a pod that moved in between has left this object to be let go of.
            if (_live.TryGetValue(sandboxId, out var still) && ReferenceEquals(still, live))
            {
                return new(live, hold);
            }

            hold?.Dispose();
        }

        return null;
    }

    /// <summary>The live sandbox, to be disposed of after the call.</summary>
    /// <exception cref="RuntimeException">Its handler could not adopt it, or is gone.</exception>
    public InUse<ISandbox> Use(string sandboxId) =>
        TryUse(sandboxId) ?? throw RuntimeException.Unavailable(
            $"sandbox {sandboxId}: its handler {registry.Get(sandboxId)?.Handler} does not have it; see `berth handlers`. The pod can be stopped and removed");

    /// <summary>The live container, to be disposed of after the call; null if no handler has it.</summary>
    public InUse<IContainer>? TryUseContainer(string sandboxId, string containerId)
    {
        if (TryUse(sandboxId) is not { } sandbox)
        {
            return null;
        }

        IContainer? found = null;
        try
        {
            found = sandbox.Object.FindContainer(containerId);
        }
        finally
        {
            if (found is null)
            {
                sandbox.Dispose();
            }
        }

        return found is null ? null : new(found, sandbox);
    }

    /// <summary>The live container, to be disposed of after the call.</summary>
    /// <exception cref="RuntimeException">Its handler does not have it, or is gone.</exception>
    public InUse<IContainer> UseContainer(string sandboxId, string containerId) =>
        TryUseContainer(sandboxId, containerId) ?? throw RuntimeException.Unavailable(
            $"container {containerId}: its handler {registry.Get(sandboxId)?.Handler} does not have it; see `berth handlers`. It can be removed");

    public void Drop(string sandboxId) => _live.TryRemove(sandboxId, out _);

    private async Task WatchAsync(ISandbox sandbox)
    {
        var exit = await sandbox.Exit;
        if (!ReferenceEquals(_live.GetValueOrDefault(sandbox.Id), sandbox))
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

/// <summary>A handler's object while it is used: the version of the plugin that has it is not let go of meanwhile, though the pod may move on.</summary>
/// <param name="Object">The sandbox or the container.</param>
/// <param name="Hold">What keeps it.</param>
public sealed record InUse<T>(T Object, IDisposable? Hold) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Hold?.Dispose();
}

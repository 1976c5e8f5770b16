using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Checkpoints;
using Berth.Linux;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>
/// The start after a stop, a kill -9 or a reboot. The records say what was meant; what is true is found out:
/// <list type="number">
/// <item>a record in phase Creating was half made: removed, for no caller ever learned its id;</item>
/// <item>Stopping and Removing are finished;</item>
/// <item>Ready is adopted by its handler, with its containers; an end that happened meanwhile is reported as it was;</item>
/// <item>after a reboot no process, mount or namespace is left: what ran has ended, and CNI DEL gives the addresses back;</item>
/// <item>what handlers own and folders hold without a record is removed.</item>
/// </list>
/// Adoption comes before the socket is served, so that no list is wrong; removals go on behind it, and so does the adoption of pods
/// whose handler takes too long: calls for these wait for it, those for all others do not.
/// </summary>
public sealed class Recovery(
    SandboxRegistry sandboxes,
    ContainerRegistry containers,
    HandlerTable handlers,
    SandboxAdoption adoption,
    SandboxObjects objects,
    SharedGate gate,
    KeyedLock locks,
    ContainerExits exits,
    CheckpointFolders checkpoints,
    SandboxPaths sandboxPaths,
    ContainerPaths containerPaths,
    Notices notices,
    TimeProvider time,
    ILogger<Recovery> log)
{
    // A handler that hangs keeps its own pods waiting, not the node.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Reads the records.</summary>
    public void Load()
    {
        sandboxes.Load();
        containers.Load();
        HideHalfMade();
    }

    /// <summary>Adopts what lives.</summary>
    public async Task AdoptAsync(CancellationToken cancellationToken)
    {
        checkpoints.Recover(containers);
        var adoptions = sandboxes.All().Where(static s => s.Phase == SandboxPhase.Ready).Select(s => (Sandbox: s, Work: AdoptAtStartAsync(s, cancellationToken))).ToList();
        await Task.WhenAny(Task.WhenAll(adoptions.Select(static a => a.Work)), Task.Delay(Patience, time, cancellationToken));
        foreach (var (sandbox, work) in adoptions)
        {
            if (work.IsCompleted)
            {
                await work;
            }
            else
            {
                SandboxLog.AdoptionTakesLong(log, sandbox.Id, sandbox.Handler);
                _ = TryAsync(sandbox.Handler, () => work);
            }
        }

        SweepFolders(Path.Combine(sandboxPaths.State, "sandboxes"), id => sandboxes.Get(id) is not null);
        SweepFolders(Path.Combine(containerPaths.State, "containers"), id => containers.Get(id) is not null);
        var owed = sandboxes.All().Count(static s => s.Phase == SandboxPhase.Removing) + containers.All().Count(static c => c.Phase == ContainerPhase.Removing);
        SandboxLog.Recovered(log, sandboxes.List().Count, containers.List().Count, owed);
    }

    /// <summary>Adopts what nobody has, because its handler was not there at the start, and is now.</summary>
    public async Task AdoptLeftAsync(CancellationToken cancellationToken)
    {
        foreach (var left in sandboxes.All().Where(s => s.Phase == SandboxPhase.Ready && !objects.Has(s.Id) && handlers.Current.Find(s.HandlerKey)?.Handler is not null))
        {
            using var alone = gate.TryEnterAlone(left.Id);
            if (alone is not null && sandboxes.Get(left.Id) is { Phase: SandboxPhase.Ready } sandbox)
            {
                await AdoptAsync(sandbox, cancellationToken);
            }
        }
    }

    /// <summary>Finishes stops and removes strays; removals themselves are <see cref="OwedRemovals"/>' work.</summary>
    public async Task FinishAsync(SandboxStopper stopper, CancellationToken cancellationToken)
    {
        // Each for itself: one whose handler hangs holds up no other.
        var stops = sandboxes.All().Where(static s => s.Phase == SandboxPhase.Stopping || (s.Phase == SandboxPhase.NotReady && !s.Ended && s.BootId != BootId.Current))
            .Select(s => TryAsync(s.Handler, () => stopper.StopAsync(s.Id, cancellationToken)));
        await Task.WhenAll(stops);
        var removals = handlers.Current.Handlers.Values.Where(static h => h.Drain is null).Select(static h => h.Handler).OfType<GuardedHandler>()
            .Select(h => TryAsync(h.Name, () => RemoveStraysAsync(h.Name, h, cancellationToken)));
        await Task.WhenAll(removals);
    }

    private void HideHalfMade()
    {
        foreach (var sandbox in sandboxes.All().Where(static s => s.Phase == SandboxPhase.Creating))
        {
            sandboxes.Update(sandbox.Id, static s => s with { Phase = SandboxPhase.Removing });
        }

        foreach (var container in containers.All().Where(static c => c.Phase == ContainerPhase.Creating))
        {
            containers.Update(container.Id, static c => c with { Phase = ContainerPhase.Removing });
        }
    }

    // As with a move: while it lasts nothing is made in the pod, and nobody stops or removes it.
    private async Task AdoptAtStartAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        using var alone = gate.TryEnterAlone(sandbox.Id);
        using var held = await locks.AcquireAsync(sandbox.Id, cancellationToken);
        await AdoptAsync(sandbox, cancellationToken);
    }

    private async Task AdoptAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        if (sandbox.BootId != BootId.Current)
        {
            EndAll(sandbox, "the node was restarted");
            return;
        }

        if (handlers.Current.Find(sandbox.HandlerKey) is not { Handler: not null } entry)
        {
            NotAdopted(sandbox, "no such handler now");
            return;
        }

        try
        {
            await adoption.RunAsync(sandbox, entry, cancellationToken);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            EndAll(sandbox, e.Message);
        }
        catch (RuntimeException e)
        {
            NotAdopted(sandbox, e.Message);
        }
    }

    private void NotAdopted(Sandbox sandbox, string reason)
    {
        SandboxLog.NotAdopted(log, sandbox.Id, sandbox.Handler, reason);
        var message = $"handler {sandbox.Handler} does not have the pod after a restart of the gateway ({reason}): it runs on, and can only be stopped and removed";
        notices.Post(new(SandboxFacts.NoticeOf(sandbox.Spec), "HandlerLost", message, IsWarning: true));
    }

    private void EndAll(Sandbox sandbox, string reason)
    {
        sandboxes.Update(sandbox.Id, static s => s with { Phase = SandboxPhase.NotReady });
        foreach (var container in containers.OfSandbox(sandbox.Id))
        {
            exits.Record(container.Id, Lost(reason));
        }
    }

    private ProcessExit Lost(string reason) => new() { Code = 255, FinishedAt = time.GetUtcNow(), LostReason = reason };

    private async Task RemoveStraysAsync(string name, GuardedHandler handler, CancellationToken cancellationToken)
    {
        foreach (var owned in await handler.ListOwnedAsync(cancellationToken))
        {
            if (sandboxes.Get(owned.Id) is not null || containers.Get(owned.Id) is not null)
            {
                continue;
            }

            var request = new DestroyRequest { SandboxId = owned.Id, ContainerId = owned.Id, PrivateDirectory = containerPaths.Private(owned.Id) };
            await handler.DestroyContainerAsync(request, cancellationToken);
            await handler.DestroySandboxAsync(request with { ContainerId = null, PrivateDirectory = sandboxPaths.Private(owned.Id) }, cancellationToken);
            SandboxLog.StrayRemoved(log, name, owned.Kind, owned.Id, owned.Description);
        }
    }

    private void SweepFolders(string parent, Func<string, bool> isKnown)
    {
        Directory.CreateDirectory(parent);
        foreach (var folder in Directory.GetDirectories(parent).Where(f => !isKnown(Path.GetFileName(f))))
        {
            MountTable.UnmountBeneath(folder);
            Directory.Delete(folder, recursive: true);
            SandboxLog.FolderSwept(log, folder);
        }
    }

    private async Task TryAsync(string subject, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SandboxLog.StraysLeft(log, subject, e.Message);
        }
    }
}

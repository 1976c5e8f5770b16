using Berth.Abstractions;
using Berth.Common;
using Berth.Metrics;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>
/// Takes a sandbox down, whatever is left of it: the undo of a failed run, StopPodSandbox, RemovePodSandbox, the
/// recovery after kill -9 and the background retry are all this. Every step succeeds on what is gone, so the whole may
/// be repeated; a step that fails does not keep the others from running.
/// </summary>
public sealed class SandboxTeardown(
    SandboxRegistry registry,
    ISandboxContainers containers,
    HandlerTable handlers,
    SandboxObjects objects,
    SandboxUsage usage,
    SandboxNetwork network,
    SandboxNamespaces namespaces,
    SandboxCgroups cgroups,
    SandboxFiles files,
    SandboxPaths paths,
    HandlerStateStore handlerState,
    KeyedLock locks,
    ILogger<SandboxTeardown> log)
{
    /// <summary>Ends everything that runs and gives the network back; the record, files and logs stay.</summary>
    public async Task EndAsync(string id, CancellationToken cancellationToken)
    {
        using var held = await locks.AcquireAsync(id, cancellationToken);
        await EndHeldAsync(id, cancellationToken);
    }

    private async Task EndHeldAsync(string id, CancellationToken cancellationToken)
    {
        var sandbox = registry.Get(id);
        if (sandbox is null)
        {
            return;
        }

        usage.End(id);
        Task DestroyAsync() => KillAndDestroyAsync(sandbox, cancellationToken);
        Task DetachAsync() => StageAsync("network", () => network.DetachAsync(sandbox, cancellationToken));
        // DEL takes longer than the rest and needs nothing of it but the namespace; one that the handler holds ends with the pod.
        await AllAsync(id, namespaces.HoldNetworkOf(sandbox) ? [DestroyAsync, DetachAsync] : [() => OneAfterTheOtherAsync(DetachAsync, DestroyAsync)]);
        namespaces.Remove(id);
        objects.Drop(id);
    }

    /// <summary>Removes the sandbox with its containers, and at last its record.</summary>
    public async Task RemoveAllAsync(string id, CancellationToken cancellationToken)
    {
        using var held = await locks.AcquireAsync(id, cancellationToken);
        if (registry.Update(id, static s => s with { Phase = SandboxPhase.Removing }) is null)
        {
            return;
        }

        // First the sandbox: what cannot be removed alone, such as a container in a guest that hangs, ends with it.
        await EndHeldAsync(id, cancellationToken);
        await StageAsync("containers", () => containers.RemoveAllAsync(id, cancellationToken));
        var sandbox = registry.Get(id)!;
        await AllAsync(id, [
            () => StageAsync("cgroups", () => cgroups.RemoveAsync(sandbox, cancellationToken)),
            () => StageAsync("files", () => Task.Run(() => files.Remove(id), CancellationToken.None)),
        ]);
        registry.Delete(id);
    }

    // Containers that cannot be killed, such as those in a guest that hangs, end with the sandbox.
    private async Task KillAndDestroyAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        var failure = await TryAsync(() => StageAsync("kill", () => containers.KillAllAsync(sandbox.Id, cancellationToken)));
        if (failure is not null)
        {
            SandboxLog.NotKilled(log, sandbox.Id, sandbox.Handler, failure.Message);
        }

        await StageAsync("handler", () => DestroyAsync(sandbox, cancellationToken));
        if (failure is not null)
        {
            await containers.EndWithAsync(sandbox.Id, "it could not be killed, and ended with its pod");
        }
    }

    // A handler that is gone or broken must not keep the pod: its processes are in cgroups of ours.
    private async Task DestroyAsync(Sandbox sandbox, CancellationToken cancellationToken)
    {
        if (sandbox.Prepared is null)
        {
            return;
        }

        if (handlers.Current.Find(sandbox.HandlerKey)?.Handler is { } handler)
        {
            await handler.DestroySandboxAsync(
                new DestroyRequest { SandboxId = sandbox.Id, PrivateDirectory = paths.Private(sandbox.Id), State = handlerState.Load(sandbox.Id) },
                cancellationToken);
            return;
        }

        await cgroups.KillAsync(sandbox, containers.CgroupPaths(sandbox.Id), cancellationToken);
        containers.RecordLost(sandbox.Id, $"handler {sandbox.Handler} is gone; the pod was killed by its cgroup");
        SandboxLog.KilledByCgroup(log, sandbox.Id, sandbox.Handler, "there is no such handler");
    }

    private async Task AllAsync(string id, IReadOnlyList<Func<Task>> steps)
    {
        var failures = (await Task.WhenAll(steps.Select(TryAsync))).OfType<Exception>().ToList();
        if (failures.Count == 0)
        {
            return;
        }

        var reason = string.Join("; ", failures.Select(static f => f.Message));
        var owing = registry.Update(id, s => s with { Owed = reason });
        SandboxLog.Owed(log, id, owing?.Handler ?? "no handler", reason);
        throw new RuntimeException(RuntimeErrorCode.Unavailable, $"sandbox {id}: {reason}; the removal is retried", failures[0]);
    }

    private static async Task OneAfterTheOtherAsync(Func<Task> first, Func<Task> second)
    {
        try
        {
            await first();
        }
        finally
        {
            await second();
        }
    }

    private static async Task StageAsync(string name, Func<Task> step)
    {
        using var stage = BerthTraces.Stage(name);
        await step();
    }

    private static async Task<Exception?> TryAsync(Func<Task> step)
    {
        try
        {
            await step();
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}

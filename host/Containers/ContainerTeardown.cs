using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Checkpoints;
using Berth.Containers.Rootfs;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>
/// Takes a container down, whatever is left of it: the undo of a failed create, RemoveContainer, the recovery and the
/// background retry are all this. Every step succeeds on what is gone.
/// </summary>
public sealed class ContainerTeardown(
    ContainerRegistry registry,
    SandboxRegistry sandboxes,
    ContainerStopper stopper,
    ContainerExits exits,
    HandlerTable handlers,
    HandlerStateStore handlerState,
    RootfsProvider rootfs,
    VolumeImages volumes,
    ContainerRestores restores,
    SandboxCgroups cgroups,
    ContainerPaths paths,
    ContainerUsage usage,
    KeyedLock locks,
    ILogger<ContainerTeardown> log)
{
    /// <summary>Removes the container, and at last its record.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        using var held = await locks.AcquireAsync(id, cancellationToken);
        if (registry.Get(id) is not { } container)
        {
            return;
        }

        try
        {
            await stopper.KillAsync(container, cancellationToken);
            registry.Update(id, static c => c with { Phase = ContainerPhase.Removing });
            using (BerthTraces.Stage("handler"))
            {
                await DestroyAsync(container, cancellationToken);
            }

            using var stage = BerthTraces.Stage("rootfs");
            await rootfs.RemoveAsync(id, cancellationToken);
            await volumes.RemoveAsync(container, cancellationToken);
            restores.Remove(id);
            await RemoveFoldersAsync(id);
        }
        catch (Exception e)
        {
            registry.Update(id, c => c with { Owed = e.Message });
            ContainerLog.Owed(log, id, sandboxes.Get(container.SandboxId)?.Handler ?? "no handler", e.Message);
            throw;
        }

        exits.Forget(id);
        usage.Forget(id);
        registry.Delete(id);
    }

    private async Task DestroyAsync(Container container, CancellationToken cancellationToken)
    {
        // Without a request the handler was never reached.
        if (container.Request is null || sandboxes.Get(container.SandboxId) is not { } sandbox)
        {
            return;
        }

        if (handlers.Current.Find(sandbox.HandlerKey)?.Handler is { } handler)
        {
            await handler.DestroyContainerAsync(
                new DestroyRequest
                {
                    SandboxId = sandbox.Id,
                    ContainerId = container.Id,
                    PrivateDirectory = paths.Private(container.Id),
                    State = handlerState.Load(container.Id),
                },
                cancellationToken);
            return;
        }

        await cgroups.KillAsync(sandbox, [container.CgroupPath], cancellationToken);
    }

    private Task RemoveFoldersAsync(string id) => Task.Run(
        () =>
        {
            var folder = paths.Folder(id);
            if (Directory.Exists(folder))
            {
                MountTable.UnmountBeneath(folder);
                Directory.Delete(folder, recursive: true);
            }
        },
        CancellationToken.None);
}

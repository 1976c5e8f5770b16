using Berth.Abstractions;
using Berth.Common;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>Gives a running pod to a handler that did not start it: after a restart of the gateway, or to a new version of its plugin.</summary>
public sealed class SandboxAdoption(
    SandboxRegistry sandboxes,
    ContainerRegistry containers,
    SandboxObjects objects,
    HandlerStateStore handlerState,
    ContainerExits exits,
    ContainerStarter starter,
    CgroupSampler sampler,
    SandboxUsage usage,
    SharedGate gate,
    KeyedLock locks,
    TimeProvider time,
    ILogger<SandboxAdoption> log)
{
    /// <summary>Whether the handler's plugin says that it reads every record that was kept for the pod.</summary>
    public bool CanRead(Sandbox sandbox, HandlerEntry handler) =>
        containers.OfSandbox(sandbox.Id).Select(static c => c.Id).Prepend(sandbox.Id)
            .Select(handlerState.Load).OfType<StateRecord>().All(r => handler.StateVersions.Contains(r.Version));

    /// <summary>Adopts the pod and its containers.</summary>
    /// <exception cref="RuntimeException">NotFound: nothing of it is left. Others: it could not be adopted, and stays with whom it was.</exception>
    public async Task RunAsync(Sandbox sandbox, HandlerEntry handler, CancellationToken cancellationToken)
    {
        var request = ToRequest(sandbox);
        var live = await handler.Handler!.RestoreSandboxAsync(request, cancellationToken);
        sandboxes.Update(sandbox.Id, s => s with
        {
            HandlerInstance = handler.Instance,
            Plugin = handler.Plugin,
            PluginVersion = handler.PluginVersion,
            RuntimeVersion = handler.Handler.Health.Check.RuntimeVersion ?? "",
            PluginDigest = handler.PluginDigest,
        });
        objects.Adopt(live);
        usage.Begin(sandbox);
        foreach (var restored in request.Containers)
        {
            await AdoptAsync(live, restored.Create.ContainerId);
        }
    }

    /// <summary>
    /// Moves a pod that runs from the old object of its handler to a new one, while both have it. Calls that the old one has begun end
    /// there. False if just now something of the pod is being made; then another time.
    /// </summary>
    /// <exception cref="RuntimeException">The new one does not take it; the old one keeps it.</exception>
    public async Task<bool> TryMoveAsync(Sandbox sandbox, HandlerEntry handler, CancellationToken cancellationToken)
    {
        using var alone = gate.TryEnterAlone(sandbox.Id);
        if (alone is null || sandboxes.Get(sandbox.Id) is not { Phase: SandboxPhase.Ready })
        {
            return false;
        }

        // A stop or a removal comes before or after it, not in the middle.
        using var held = await locks.AcquireAsync(sandbox.Id, cancellationToken);
        if (sandboxes.Get(sandbox.Id) is not { Phase: SandboxPhase.Ready } current
            || containers.OfSandbox(sandbox.Id).Any(static c => c.Phase is ContainerPhase.Creating or ContainerPhase.Starting or ContainerPhase.Removing))
        {
            return false;
        }

        await RunAsync(current, handler, cancellationToken);
        return true;
    }

    private async Task AdoptAsync(ISandbox live, string containerId)
    {
        // Containers are stopped and removed while their pod moves.
        if (containers.Get(containerId) is not { } container)
        {
            return;
        }

        if (live.FindContainer(containerId) is not { } adopted)
        {
            ContainerLog.NotAdopted(log, containerId, sandboxes.Get(live.Id)?.Handler ?? "no handler", "nothing of it is left");
            exits.Record(containerId, new() { Code = 255, FinishedAt = time.GetUtcNow(), LostReason = "nothing of it was left when the gateway came back" });
            return;
        }

        exits.Watch(adopted);
        if (container.Phase == ContainerPhase.Running)
        {
            sampler.Register(containerId, container.CgroupPath);
            if (containers.Get(containerId) is not { Phase: ContainerPhase.Running })
            {
                sampler.Unregister(containerId); // it has ended in between
            }
        }
        else if (container.Phase == ContainerPhase.Starting)
        {
            // The start was cut in two; a second one does nothing if the first arrived.
            try
            {
                await starter.RunAsync(container, adopted);
            }
            catch (RuntimeException e)
            {
                ContainerLog.NotAdopted(log, containerId, sandboxes.Get(live.Id)?.Handler ?? "no handler", e.Message);
            }
        }

        if (containers.Get(containerId) is null)
        {
            exits.Forget(containerId);
        }
    }

    private RestoreSandboxRequest ToRequest(Sandbox sandbox) => new()
    {
        Start = new StartSandboxRequest { Sandbox = sandbox.Prepared!, Network = sandbox.Network },
        State = handlerState.Load(sandbox.Id),
        Containers =
        [
            .. containers.OfSandbox(sandbox.Id)
                .Where(static c => c.Request is not null && c.Phase is ContainerPhase.Created or ContainerPhase.Starting or ContainerPhase.Running)
                .Select(c => new RestoreContainer
                {
                    Create = c.Request!,
                    State = handlerState.Load(c.Id),
                    Started = c.Phase == ContainerPhase.Running,
                }),
        ],
    };
}

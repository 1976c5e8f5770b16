using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Checkpoints;
using Berth.Containers.Rootfs;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Metrics;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>CreateContainer. A caller that gives up does not stop it: the work ends by itself, and the retry finds it.</summary>
public sealed class ContainerCreator(
    ContainerPlanner planner,
    ContainerRegistry registry,
    SandboxObjects sandboxes,
    RootfsProvider rootfs,
    VolumeImages volumes,
    ContainerRestores restores,
    AppArmorDefault appArmor,
    ContainerBundle bundle,
    ContainerPaths paths,
    ContainerExits exits,
    ContainerTeardown teardown,
    CgroupWarmUp warmUp,
    SharedGate gate,
    BerthMetrics metrics,
    TimeProvider time,
    ILogger<ContainerCreator> log)
{
    private readonly SingleFlight<string> _running = new();

    /// <summary>Creates the container and returns its id; the same name and attempt again returns the same id.</summary>
    public Task<string> CreateAsync(string sandboxId, ContainerSpec spec, CancellationToken cancellationToken) =>
        _running.RunAsync($"{sandboxId}_{spec.Name}_{spec.Attempt}", () => CreateOnceAsync(sandboxId, spec), cancellationToken);

    private async Task<string> CreateOnceAsync(string sandboxId, ContainerSpec spec)
    {
        // While something is made in it, a pod is not moved to another version of its plugin.
        using var entered = await gate.EnterAsync(planner.RequireReady(sandboxId).Id);

        // 1 what cannot work fails here, before anything exists
        var plan = await planner.PlanAsync(sandboxId, spec);
        var container = plan.Container;

        // 2 the answer to a retry is the result of the first try
        if (registry.FindByName(container.UniqueName) is { } earlier)
        {
            return await AnswerRetryAsync(earlier) ?? await CreateOnceAsync(sandboxId, spec);
        }

        // 3 on disk before acting
        registry.Add(container);
        try
        {
            await BuildAsync(plan);
            return container.Id;
        }
        catch (Exception failure)
        {
            await UndoAsync(container.Id, plan.Sandbox.Handler, failure);
            throw;
        }
    }

    private async Task BuildAsync(ContainerPlan plan)
    {
        var start = time.GetTimestamp();
        var id = plan.Container.Id;

        // 4 the kernel's wait before the runtime's cgroup moves begins now, beside our own work
        warmUp.Begin();

        // 5 the root file system, then the bundle, which reads users from it
        CreateFolders(id);
        var source = await rootfs.MakeAsync(plan);
        var checkpoint = await restores.MakeAsync(plan.Container);
        start = metrics.PodStartStage(start, "rootfs", plan.Sandbox.Handler);
        var missing = await appArmor.EnsureAsync(plan.Container.Spec.Security, plan.Check.Features, CancellationToken.None);
        var user = bundle.Write(plan, await volumes.MakeAsync(plan), missing);
        restores.Check(plan.Container);

        // 6 the handler
        var request = ToRequest(plan, source) with { RestoreFrom = checkpoint };
        registry.Update(id, c => c with { Request = request, User = user });
        using var sandbox = sandboxes.Use(plan.Sandbox.Id);
        var live = await sandbox.Object.CreateContainerAsync(request, CancellationToken.None);

        // 7 seen by all; a sandbox that was stopped meanwhile takes no new container
        registry.Update(id, c => c with { Phase = ContainerPhase.Created, Pid = live.Init.Pid });
        exits.Watch(live);
        planner.RequireReady(plan.Sandbox.Id);
        metrics.PodStartStage(start, "create", plan.Sandbox.Handler);
    }

    private void CreateFolders(string id)
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        foreach (var folder in (string[])[paths.Bundle(id), paths.Private(id), paths.Execs(id)])
        {
            Directory.CreateDirectory(folder, OwnerOnly);
        }

        Directory.CreateDirectory(paths.Rootfs(id));
    }

    private CreateContainerRequest ToRequest(ContainerPlan plan, RootfsSource source)
    {
        var (id, spec) = (plan.Container.Id, plan.Container.Spec);
        return new()
        {
            SandboxId = plan.Sandbox.Id,
            ContainerId = id,
            Name = spec.Name,
            Attempt = spec.Attempt,
            BundlePath = paths.Bundle(id),
            PrivateDirectory = paths.Private(id),
            Rootfs = source,
            ImageId = plan.Image.Id,
            LogPath = plan.Container.LogPath.Length > 0 ? plan.Container.LogPath : null,
            Terminal = spec.Terminal,
            Stdin = spec.Stdin,
            StdinOnce = spec.StdinOnce,
            Cgroup = plan.Sandbox.Cgroup,
        };
    }

    private async Task<string?> AnswerRetryAsync(Container earlier)
    {
        switch (earlier.Phase)
        {
            case ContainerPhase.Created:
                return earlier.Id;
            case ContainerPhase.Creating or ContainerPhase.Removing:
                await teardown.RemoveAsync(earlier.Id, CancellationToken.None);
                return null;
            default:
                throw new RuntimeException(
                    RuntimeErrorCode.AlreadyExists,
                    $"container {earlier.Id} named {earlier.Spec.Name} attempt {earlier.Spec.Attempt} exists in sandbox {earlier.SandboxId} and is {earlier.Phase}: remove it, or use the next attempt");
        }
    }

    private async Task UndoAsync(string id, string handler, Exception failure)
    {
        try
        {
            await teardown.RemoveAsync(id, CancellationToken.None);
        }
        catch (Exception undo)
        {
            ContainerLog.UndoFailed(log, id, handler, failure.Message, undo);
        }
    }
}

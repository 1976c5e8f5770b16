using Berth.Abstractions;
using Berth.Plugins.ShimV2.Ttrpc;

namespace Berth.Plugins.ShimV2;

/// <summary>Creates containers, in the order journal, log, shim, and adopts those of an earlier gateway process.</summary>
internal sealed class ContainerFactory(ContainerRemover remover, SandboxIndex<ShimState> index, IHandlerContext context, ShimTools tools)
{
    /// <summary>Creates one. What an earlier try left is removed first; what a failed one leaves is, too.</summary>
    public async Task<ShimContainer> CreateAsync(Pod pod, CreateContainerRequest request, IProcess? earlier, CancellationToken cancellationToken)
    {
        var (sandboxId, id) = (pod.Request.SandboxId, request.ContainerId);
        var files = new ContainerFiles(request.PrivateDirectory, id);
        await remover.RemoveAsync(id, files, index.Find(sandboxId, id), pod, earlier).ConfigureAwait(false);
        var shim = pod.LivingShim;
        var facts = ContainerFacts.Of(request, new()
        {
            Bundle = files.Bundle,
            PrivateDirectory = files.Folder,
            Cgroup = ShimBundle.Write(request.BundlePath, files, pod.Request, request),
            OverheadCgroup = request.Cgroup.OverheadPath,
            HasContainer = true,
        });
        var (process, made) = await MakeAsync(pod, shim, facts.With(shim), cancellationToken).ConfigureAwait(false);
        return new(made, process, pod.Log, tools);
    }

    /// <summary>Creates the container that holds a pod; its bundle is written.</summary>
    public async Task<IProcess> MakeSandboxAsync(Pod pod, ShimState state, CancellationToken cancellationToken) =>
        (await MakeAsync(pod, pod.LivingShim, ContainerFacts.Of(pod.Request, state with { HasContainer = true }), cancellationToken).ConfigureAwait(false)).Process;

    /// <summary>Adopts one.</summary>
    public async Task<ShimContainer> RestoreAsync(Pod pod, RestoreContainer container)
    {
        var id = container.Create.ContainerId;
        var state = ShimState.FromRecord(container.State, id) ?? index.Find(pod.Request.SandboxId, id);
        var facts = ContainerFacts.Of(container.Create, state ?? new()
        {
            Bundle = new ContainerFiles(container.Create.PrivateDirectory, id).Bundle,
            PrivateDirectory = container.Create.PrivateDirectory,
            OverheadCgroup = pod.Request.Cgroup.OverheadPath,
        });
        var process = state is null
            ? EndedInit.Ended(id, ShimTools.Lost("the container was never created", tools.Clock), tools.Clock)
            : await AdoptAsync(pod, facts, container.Started).ConfigureAwait(false);
        return new(facts, process, pod.Log, tools);
    }

    /// <summary>The process of a container that was created: as its shim has it, or ended.</summary>
    public async Task<IProcess> AdoptAsync(Pod pod, ContainerFacts facts, bool started)
    {
        if (facts.State.Refusal is { } reason)
        {
            return EndedInit.Refused(facts.Id, reason, started, tools.Clock);
        }

        var shim = facts.State.Shim is { } at ? await pod.FindAsync(at, facts.Id, CancellationToken.None).ConfigureAwait(false) : null;
        var exit = facts.Files.ReadExit();
        if (exit is null && shim is not null && await PidAsync(shim, facts.Id).ConfigureAwait(false) is { } pid)
        {
            await LogAsync(pod, facts, CancellationToken.None).ConfigureAwait(false);
            return new ShimInit(facts, shim, pod.Log, pid, started, tools);
        }

        if (facts.LogPath is not null && (exit is null || shim is not null))
        {
            await LogAsync(pod, facts, CancellationToken.None).ConfigureAwait(false);
        }

        exit ??= ShimTools.Lost($"its shim (pid {facts.State.ShimPid}) was gone when the gateway came back", tools.Clock);
        exit = await ContainerEnd.SettleAsync(facts.Id, exit, shim, facts, tools.CgroupOf(facts.State), pod.Log, tools).ConfigureAwait(false);
        return EndedInit.Ended(facts.Id, exit, tools.Clock);
    }

    private async Task<(IProcess Process, ContainerFacts Facts)> MakeAsync(Pod pod, Shim shim, ContainerFacts facts, CancellationToken cancellationToken)
    {
        var asked = false;
        try
        {
            await SaveAsync(pod, facts, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            await LogAsync(pod, facts, cancellationToken).ConfigureAwait(false);
            (shim, facts) = await ShimOfAsync(pod, shim, facts, cancellationToken).ConfigureAwait(false);
            asked = true;
            var answer = await shim.CreateAsync(
                new()
                {
                    Id = facts.Id,
                    Bundle = facts.Files.Bundle,
                    Terminal = facts.Terminal,
                    Stdin = facts.StdinPath,
                    Stdout = facts.StdoutPath,
                    Stderr = facts.StderrPath,
                    Options = tools.RuntimeOptions,
                },
                cancellationToken).ConfigureAwait(false);
            return (new ShimInit(facts, shim, pod.Log, (int)Math.Min(answer.Pid, int.MaxValue), started: false, tools), facts);
        }
        catch (TtrpcException e) when (e.Code is not (TtrpcCode.Unavailable or TtrpcCode.DeadlineExceeded))
        {
            facts = facts with { State = facts.State with { Refusal = e.Message } };
            await remover.RemoveAsync(facts.Id, facts.Files, facts.State, pod, null).ConfigureAwait(false);
            await SaveAsync(pod, facts, cancellationToken).ConfigureAwait(false);
            return (EndedInit.Refused(facts.Id, e.Message, started: false, tools.Clock), facts);
        }
        catch (Exception e) when (e is TtrpcException or RuntimeException or OperationCanceledException)
        {
            await remover.RemoveAsync(facts.Id, facts.Files, facts.State with { HasContainer = asked }, pod, null).ConfigureAwait(false);
            index.Remove(pod.Request.SandboxId, facts.Id);
            throw e is TtrpcException failure ? Shim.Failure($"container {facts.Id}", failure) : e;
        }
    }

    // A shim of version 2 is asked by a start for each container where it is to run; those of version 3 take all of a pod.
    private async Task<(Shim Shim, ContainerFacts Facts)> ShimOfAsync(Pod pod, Shim shim, ContainerFacts facts, CancellationToken cancellationToken)
    {
        if (facts.Id == pod.Request.SandboxId || shim.Bootstrap.Version >= 3)
        {
            return (shim, facts);
        }

        using var log = new Kept<ShimLog>(ShimLog.Open(facts.Files.Bundle, facts.Id, tools.Log));
        var at = await tools.Command.StartAsync(facts.Id, facts.Files.Bundle, facts.State.OverheadCgroup, cancellationToken).ConfigureAwait(false);
        var own = await pod.FindAsync(at, facts.Id, cancellationToken).ConfigureAwait(false)
            ?? throw RuntimeException.Unavailable($"container {facts.Id}: its shim does not answer at {at.Address}");
        if (own != shim)
        {
            pod.Keep(log.Take());
            facts = facts.With(own);
            await SaveAsync(pod, facts, cancellationToken).ConfigureAwait(false);
        }

        return (own, facts);
    }

    private static async Task LogAsync(Pod pod, ContainerFacts facts, CancellationToken cancellationToken)
    {
        foreach (var fifo in (string[])[facts.StdinPath, facts.StdoutPath, facts.StderrPath])
        {
            if (fifo.Length > 0)
            {
                ContainerFiles.MakeFifo(fifo);
            }
        }

        if (facts.LogPath is { } path)
        {
            await pod.Log.AddAsync(facts.Id, facts.StdoutPath, facts.StderrPath, path, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<int?> PidAsync(Shim shim, string id)
    {
        try
        {
            return (int)Math.Min((await shim.StateAsync(id, CancellationToken.None).ConfigureAwait(false)).Pid, int.MaxValue);
        }
        catch (TtrpcException e)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"container {id}: its shim does not know it: {e.Message}");
            return null;
        }
    }

    private Task SaveAsync(Pod pod, ContainerFacts facts, CancellationToken cancellationToken)
    {
        index.Put(pod.Request.SandboxId, facts.Id, facts.State);
        return context.SaveStateAsync(facts.Id, facts.State.ToRecord(), cancellationToken);
    }
}

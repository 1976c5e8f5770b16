using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>Starts the shim of a pod, adopts one, and ends all processes of a pod.</summary>
internal sealed class PodLauncher(ContainerRemover remover, SandboxIndex<ShimState> index, IHandlerContext context, ShimTools tools)
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    /// <summary>Starts it, or finds the one that an earlier try has started.</summary>
    public async Task<Pod> LaunchAsync(PrepareSandboxRequest sandbox, CancellationToken cancellationToken)
    {
        var id = sandbox.SandboxId;
        if (index.Find(id, id) is { Shim: { } at } && await ConnectAsync(at, id).ConfigureAwait(false) is { } living)
        {
            return new(sandbox, living, LogOf(id, new ContainerFiles(sandbox.PrivateDirectory, id).Bundle), tools);
        }

        var state = StateOf(sandbox);
        ShimLog? log = null;
        try
        {
            await EndProcessesAsync(state).ConfigureAwait(false);
            state = state with { Cgroup = ShimBundle.Write(NeedsContainer(sandbox) ? sandbox.BundlePath : null, new(sandbox.PrivateDirectory, id), sandbox, null) };
            await SaveAsync(id, state, cancellationToken).ConfigureAwait(false);
            log = LogOf(id, state.Bundle);
            var bootstrap = await tools.Command.StartAsync(id, state.Bundle, state.OverheadCgroup, cancellationToken).ConfigureAwait(false);
            state = state with { Shim = bootstrap };
            var shim = await ConnectAsync(bootstrap, id).ConfigureAwait(false)
                ?? throw RuntimeException.Unavailable($"sandbox {id}: the shim has started, but does not answer at {bootstrap.Address}");
            state = state.With(shim);
            await SaveAsync(id, state, cancellationToken).ConfigureAwait(false);
            return new(sandbox, shim, log, tools);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            log?.Dispose();
            await RemoveAsync(id, new(sandbox.PrivateDirectory, id), state, null, null).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The pod of an earlier gateway process; its shim is null if that is gone.</summary>
    public async Task<Pod> AdoptAsync(PrepareSandboxRequest sandbox, ShimState state)
    {
        var shim = state.Shim is { } at ? await ConnectAsync(at, sandbox.SandboxId).ConfigureAwait(false) : null;
        return new(sandbox, shim, shim is null ? null : LogOf(sandbox.SandboxId, state.Bundle), tools);
    }

    /// <summary>Whether a container holds the pod.</summary>
    public bool NeedsContainer(PrepareSandboxRequest sandbox) => sandbox.NeedsInit || tools.Options.SandboxContainer;

    /// <summary>The sandbox's state, before anything is made.</summary>
    public static ShimState StateOf(PrepareSandboxRequest sandbox) => new()
    {
        Bundle = new ContainerFiles(sandbox.PrivateDirectory, sandbox.SandboxId).Bundle,
        PrivateDirectory = sandbox.PrivateDirectory,
        OverheadCgroup = sandbox.Cgroup.OverheadPath,
    };

    /// <summary>Ends the sandbox's own container, shim and logger, and removes what they leave. Absent is success.</summary>
    public async Task RemoveAsync(string id, ContainerFiles files, ShimState? state, Pod? pod, IProcess? init)
    {
        if (state is not null)
        {
            await EndContainerAsync(id, files, state, pod, init).ConfigureAwait(false);
            await ShutDownAsync(id, state, pod).ConfigureAwait(false);
        }

        // Before what is left is killed: a pod that still looks after its logger would start another.
        if (pod is not null)
        {
            await pod.DisposeAsync().ConfigureAwait(false);
        }

        if (state is not null)
        {
            await EndProcessesAsync(state).ConfigureAwait(false);
        }

        tools.LogOf(id, "").DeleteFiles();
        await remover.RemoveAsync(id, files, null, null, null).ConfigureAwait(false);
        index.Remove(id);
    }

    private async Task EndContainerAsync(string id, ContainerFiles files, ShimState state, Pod? pod, IProcess? init)
    {
        if (state.HasContainer)
        {
            await remover.RemoveAsync(id, files, state, pod, init).ConfigureAwait(false);
        }
    }

    // It removes its own socket when it is asked to end; one that does not is killed with its cgroup.
    private async Task ShutDownAsync(string id, ShimState state, Pod? pod)
    {
        var shim = pod?.Shim ?? (state.Shim is { } at ? await ConnectAsync(at, id).ConfigureAwait(false) : null);
        if (shim is null)
        {
            return;
        }

        try
        {
            await shim.ShutdownAsync(id).ConfigureAwait(false);
            await shim.Ended.WaitAsync(EndLimit, tools.Clock).ConfigureAwait(false);
        }
        catch (Exception e) when (e is Ttrpc.TtrpcException or TimeoutException)
        {
            tools.Log.Write(PluginLogLevel.Debug, $"sandbox {id}: its shim does not end by itself and is killed: {e.Message}");
        }
        finally
        {
            await shim.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task EndProcessesAsync(ShimState state)
    {
        try
        {
            await new ContainerCgroup(tools.Cgroups, state.OverheadCgroup).KillAsync().ConfigureAwait(false);
            if ((state.Shim ?? Bootstrap.Find(state.Bundle)) is { } at && Ttrpc.TtrpcClient.PathOf(at.Address) is var path && File.Exists(path))
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"cgroup {state.OverheadCgroup} cannot be emptied yet: {e.Message}", e);
        }
    }

    private ShimLog LogOf(string id, string bundle) => ShimLog.Open(bundle, id, tools.Log);

    private Task<Shim?> ConnectAsync(Bootstrap at, string id) => Shim.TryConnectAsync(at, id, tools.Options.Namespace, CancellationToken.None);

    private Task SaveAsync(string id, ShimState state, CancellationToken cancellationToken)
    {
        index.Put(id, id, state);
        return context.SaveStateAsync(id, state.ToRecord(), cancellationToken);
    }
}

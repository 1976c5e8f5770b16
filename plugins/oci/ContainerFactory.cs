using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>Makes the objects of containers, for new ones and for those of an earlier gateway process.</summary>
internal sealed class ContainerFactory(
    ContainerCreator creator, ContainerRemover remover, SandboxIndex<OciState> index, IHandlerContext context, HandlerTools tools)
{
    public async Task<OciContainer> CreateAsync(
        string sandboxId, MonitoredContainer container, PodCgroup cgroup, CancellationToken cancellationToken)
    {
        var earlier = index.Find(sandboxId, container.Id);
        if (container.RestoreFrom is not null)
        {
            return await PlanAsync(sandboxId, container, cgroup, earlier, cancellationToken).ConfigureAwait(false);
        }

        var made = await creator.CreateAsync(container, cgroup, SaveAsync, earlier, cancellationToken).ConfigureAwait(false);
        IProcess init = made.Refusal is { } reason
            ? EndedInit.Refused(container.Id, reason, started: false, tools.Clock)
            : new OciInit(container, made.State, made.Monitor, made.Pid, started: false, tools);
        return new(container.Id, container.LogPath, init, made.State, tools);

        Task SaveAsync(OciState state) => this.SaveAsync(sandboxId, container.Id, state, cancellationToken);
    }

    /// <summary>Adopts one of an earlier gateway process.</summary>
    public async Task<OciContainer> RestoreAsync(string sandboxId, MonitoredContainer container, PodCgroup cgroup, StateRecord? record, bool started)
    {
        var state = OciState.FromRecord(record, container.Id) ?? index.Find(sandboxId, container.Id);
        if (state is null)
        {
            var nothing = new OciState { RuntimeRoot = "/", Bundle = container.Bundle, PrivateDirectory = container.Files.Folder, MonitorPid = 0, MonitorStartTime = 0 };
            return Ended(container, nothing, ExitWatch.Lost("the container was never created", tools.Clock));
        }

        if (state.Refusal is { } reason)
        {
            return new(container.Id, container.LogPath, EndedInit.Refused(container.Id, reason, started, tools.Clock), state, tools);
        }

        var pid = container.Files.ReadPid();
        if (container.RestoreFrom is not null && !started && pid == 0 && container.Files.ReadExit() is null)
        {
            // Its restore was not begun, or was cut off before there was a process.
            await remover.RemoveAsync(container.Id, container.Files, state).ConfigureAwait(false);
            return Planned(sandboxId, container, cgroup, state);
        }

        return pid > 0 && Monitor.Adopt(state.MonitorPid, state.MonitorStartTime, tools.LetGo) is { } monitor
            ? new(container.Id, container.LogPath, new OciInit(container, state, monitor, pid, started, tools), state, tools)
            : Ended(container, state, await EndAsync(container, state).ConfigureAwait(false));
    }

    // A container that goes on from a checkpoint: only its record exists before the start.
    private async Task<OciContainer> PlanAsync(
        string sandboxId, MonitoredContainer container, PodCgroup cgroup, OciState? earlier, CancellationToken cancellationToken)
    {
        await remover.RemoveAsync(container.Id, container.Files, earlier).ConfigureAwait(false);
        var state = new OciState
        {
            RuntimeRoot = tools.RuntimeRoot,
            Bundle = container.Bundle,
            Cgroup = BundleFacts.ReadCgroup(container.Bundle, cgroup.Path),
            PrivateDirectory = container.Files.Folder,
            MonitorPid = 0,
            MonitorStartTime = 0,
            RestoreFrom = container.RestoreFrom,
        };
        await SaveAsync(sandboxId, container.Id, state, cancellationToken).ConfigureAwait(false);
        return Planned(sandboxId, container, cgroup, state);
    }

    private OciContainer Planned(string sandboxId, MonitoredContainer container, PodCgroup cgroup, OciState state) =>
        new(container.Id, container.LogPath, new RestoredInit(container, token => StartRestoredAsync(sandboxId, container, cgroup, state, token), tools.Clock), state, tools);

    private async Task<IProcess> StartRestoredAsync(
        string sandboxId, MonitoredContainer container, PodCgroup cgroup, OciState earlier, CancellationToken cancellationToken)
    {
        var hostname = HostnameOf(container.Bundle);
        var ready = container with { RestoreOptions = RestoreBundle.Prepare(container, earlier.Cgroup) };
        var made = await creator.CreateAsync(
            ready, cgroup, state => SaveAsync(sandboxId, container.Id, state, cancellationToken), earlier, cancellationToken).ConfigureAwait(false);
        if (made.Refusal is { } reason)
        {
            throw Refused(container.Id, ContainerDump.Words(reason, container.RestoreLog));
        }

        if (RestoredRights.Excess(container.Bundle, made.State.Cgroup, made.Pid, tools.CgroupOf(made.State).Pids()) is { } excess)
        {
            await remover.RemoveAsync(container.Id, container.Files, made.State).ConfigureAwait(false);
            throw Refused(container.Id, $"{excess}; it was ended at once");
        }

        SetHostname(hostname, made.Pid);
        return new OciInit(container, made.State, made.Monitor, made.Pid, started: true, tools);
    }

    private static RuntimeException Refused(string id, string reason) =>
        RuntimeException.FailedPrecondition($"container {id} cannot go on from its checkpoint: {reason}");

    // The pod's; its containers may have their UTS namespace with it, or the host's.
    private static string? HostnameOf(string bundle) => BundleFacts.NamespacePath(bundle, "uts") is { } pod ? Namespaces.Hostname(pod) : null;

    // CRIU gives the UTS namespace that it restores into, the pod's own, the host name of the pod that was.
    private void SetHostname(string? hostname, int pid)
    {
        try
        {
            if (hostname is not null)
            {
                Namespaces.SetHostname($"/proc/{pid}/ns/uts", hostname);
            }
        }
        catch (LinuxException e)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"process {pid} keeps the host name of its checkpoint: {e.Message}");
        }
    }

    private Task SaveAsync(string sandboxId, string containerId, OciState state, CancellationToken cancellationToken)
    {
        index.Put(sandboxId, containerId, state);
        return context.SaveStateAsync(containerId, state.ToRecord(), cancellationToken);
    }

    // The monitor is gone, or it was caught before the runtime had created the container.
    private async Task<ProcessExit> EndAsync(MonitoredContainer container, OciState state)
    {
        var exit = ExitWatch.Read(container.Id, container.Files, tools.CgroupOf(state), tools);
        try
        {
            if (exit is null)
            {
                await remover.RemoveAsync(container.Id, container.Files, state).ConfigureAwait(false);
            }
            else
            {
                await tools.CgroupOf(state).KillAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is RuntimeException or TimeoutException)
        {
            tools.Log.Write(PluginLogLevel.Error, $"container {container.Id} has ended, but something of it may be left: {e.Message}");
        }

        return exit ?? ExitWatch.Lost($"its monitor (pid {state.MonitorPid}) was gone when the gateway came back", tools.Clock);
    }

    private OciContainer Ended(MonitoredContainer container, OciState state, ProcessExit exit) =>
        new(container.Id, container.LogPath, EndedInit.Ended(container.Id, exit, tools.Clock), state, tools);
}

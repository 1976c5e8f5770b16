using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>Makes the objects of containers, for new ones and for those of an earlier gateway process.</summary>
internal sealed class ContainerFactory(
    ContainerCreator creator, ContainerRemover remover, SandboxIndex<OciState> index, IHandlerContext context, HandlerTools tools)
{
    public async Task<OciContainer> CreateAsync(
        string sandboxId, MonitoredContainer container, PodCgroup cgroup, CancellationToken cancellationToken)
    {
        var earlier = index.Find(sandboxId, container.Id);
        var made = await creator.CreateAsync(container, cgroup, SaveAsync, earlier, cancellationToken).ConfigureAwait(false);
        IProcess init = made.Refusal is { } reason
            ? EndedInit.Refused(container.Id, reason, started: false, tools.Clock)
            : new OciInit(container, made.State, made.Monitor, made.Pid, started: false, tools);
        return new(container.Id, container.LogPath, init, made.State, tools);

        Task SaveAsync(OciState state)
        {
            index.Put(sandboxId, container.Id, state);
            return context.SaveStateAsync(container.Id, state.ToRecord(), cancellationToken);
        }
    }

    public async Task<OciContainer> RestoreAsync(string sandboxId, MonitoredContainer container, StateRecord? record, bool started)
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
        return pid > 0 && Monitor.Adopt(state.MonitorPid, state.MonitorStartTime, tools.LetGo) is { } monitor
            ? new(container.Id, container.LogPath, new OciInit(container, state, monitor, pid, started, tools), state, tools)
            : Ended(container, state, await EndAsync(container, state).ConfigureAwait(false));
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

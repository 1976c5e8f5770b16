using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>A container under its monitor. <see cref="Refusal"/> is set if the runtime would not have it; the monitor is then gone.</summary>
internal sealed record MonitoredInit(OciState State, Monitor Monitor, int Pid, string? Refusal);

/// <summary>Creates containers: monitor, journal, cgroup, runtime, in this order.</summary>
internal sealed class ContainerCreator(Conmon conmon, ContainerRemover remover, HandlerTools tools)
{
    // The runtime mounts volumes while it creates; the caller's own deadline comes first.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Creates it. What an earlier try left is removed first; what a failed one leaves is, too.</summary>
    /// <param name="container">What to create.</param>
    /// <param name="cgroup">The pod's cgroup, and where the monitor goes.</param>
    /// <param name="saveAsync">Writes the journal.</param>
    /// <param name="earlier">The state that an earlier try saved, if any is known.</param>
    /// <param name="cancellationToken">Gives up, and removes what was made.</param>
    public async Task<MonitoredInit> CreateAsync(
        MonitoredContainer container, PodCgroup cgroup, Func<OciState, Task> saveAsync, OciState? earlier, CancellationToken cancellationToken)
    {
        tools.WarmUp.Begin();
        await remover.RemoveAsync(container.Id, container.Files, earlier).ConfigureAwait(false);
        var containerCgroup = BundleFacts.ReadCgroup(container.Bundle, cgroup.Path);
        using var blocked = conmon.Start(container, tools.RuntimeRoot);
        var state = new OciState
        {
            RuntimeRoot = tools.RuntimeRoot,
            Bundle = container.Bundle,
            Cgroup = containerCgroup,
            PrivateDirectory = container.Files.Folder,
            MonitorPid = blocked.Monitor.Pid,
            MonitorStartTime = blocked.Monitor.StartTime,
            RestoreFrom = container.RestoreFrom,
        };
        // The first move of a process between v1 cgroups waits for an RCU grace period (8 to 11 ms), but then the moves
        // that the runtime makes right after need not: together it is faster than not to move.
        var moving = Task.Run(() => Place(blocked.Monitor, cgroup.OverheadPath), CancellationToken.None);
        await Task.WhenAll(saveAsync(state), moving).ConfigureAwait(false);
        return await ReleaseAsync(container, blocked, state, saveAsync, cancellationToken).ConfigureAwait(false);
    }

    private async Task<MonitoredInit> ReleaseAsync(
        MonitoredContainer container, BlockedMonitor blocked, OciState state, Func<OciState, Task> saveAsync, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var report = await blocked.ReleaseAsync(limit.Token).ConfigureAwait(false);
            if (report.Pid > 0)
            {
                return new(state, blocked.Monitor, report.Pid, null);
            }

            state = state with { Refusal = report.Message };
            await remover.RemoveAsync(container.Id, container.Files, state).ConfigureAwait(false);
            await saveAsync(state).ConfigureAwait(false);
            return new(state, blocked.Monitor, 0, report.Message);
        }
        catch (Exception e) when (e is OperationCanceledException or RuntimeException)
        {
            await remover.RemoveAsync(container.Id, container.Files, state).ConfigureAwait(false);
            throw e is RuntimeException || cancellationToken.IsCancellationRequested
                ? Located(container.Id, e)
                : new RuntimeException(
                    RuntimeErrorCode.DeadlineExceeded, $"container {container.Id}: the runtime did not create it within {Limit.TotalMinutes:0} minutes");
        }
    }

    private static Exception Located(string id, Exception e) =>
        e is RuntimeException failure ? new RuntimeException(failure.Code, $"container {id}: {failure.Message}", failure) : e;

    private void Place(Monitor monitor, string overheadPath)
    {
        try
        {
            tools.Cgroups.Enter(overheadPath, monitor.Pid);
        }
        catch (IOException e)
        {
            // The pod runs all the same; only its bill is wrong.
            tools.Log.Write(PluginLogLevel.Warning, $"monitor {monitor.Pid} stays outside cgroup {overheadPath}: {e.Message}");
        }
    }
}

using System.Globalization;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>All containers, and what is done to them.</summary>
internal sealed class Containers(EventLoop loop, Reaper reaper, ProcessTable processes)
{
    // Whoever holds the output of an ended process open is given that long.
    private const int OutputGraceMilliseconds = 1000;
    private const int KillSignal = 9;
    private readonly Dictionary<string, Container> _containers = [];
    private readonly Crun _crun = new(reaper);

    public IReadOnlyList<GuestContainer> Describe() => [.. _containers.Values.Select(static c => c.Describe())];

    public Container Find(string id) => _containers.GetValueOrDefault(id) ?? throw AgentException.NotFound($"there is no container {id}");

    /// <summary>The container, known or new.</summary>
    public Container Prepare(string id)
    {
        Container.Check(id);
        if (!_containers.TryGetValue(id, out var container))
        {
            _containers[id] = container = new(id);
            Directory.CreateDirectory(container.Folder);
        }

        return container;
    }

    public async Task<GuestProcess> CreateAsync(CreateContainer request)
    {
        var container = Prepare(request.ContainerId);
        if (container.Creating is { IsFaulted: false } earlier)
        {
            await earlier.ConfigureAwait(false);
        }
        else
        {
            await (container.Creating = CreateAsync(container, request)).ConfigureAwait(false);
        }

        return container.Init!.Describe();
    }

    public async Task StartAsync(string id)
    {
        var container = Find(id);
        if (!container.Created)
        {
            throw new AgentException(GuestErrorCode.FailedPrecondition, $"container {id} is not created");
        }

        if (container.Starting is null or { IsFaulted: true })
        {
            container.Starting = _crun.RunAsync(container.Folder, (-1, -1, -1), "start", id);
        }

        await container.Starting.ConfigureAwait(false);
    }

    public async Task<GuestProcess> ExecAsync(Exec request)
    {
        var container = Find(request.ContainerId);
        Container.Check(request.ExecId);
        if (container.Execs.TryGetValue(request.ExecId, out var known))
        {
            await known.Launching.ConfigureAwait(false);
            return known.Describe();
        }

        if (!container.Started || container.Init!.Ended)
        {
            throw new AgentException(GuestErrorCode.FailedPrecondition, $"container {container.Id} does not run");
        }

        var (json, terminal) = ContainerConfig.Process(request.Process);
        var process = processes.Add(container.Id, request.ExecId, terminal);
        container.Execs[request.ExecId] = process;
        await (process.Launching = ExecAsync(container, process, json, request.Stdin)).ConfigureAwait(false);
        return process.Describe();
    }

    public void Signal(SendSignal request)
    {
        var container = Find(request.ContainerId);
        if (request is { All: true, ExecId: null, Signal: KillSignal })
        {
            KillAll(container);
            return;
        }

        var process = container.Find(request.ExecId);
        if (request.All)
        {
            // All of the container, or of an exec's session: what it started lives on after it.
            foreach (var pid in Sessions.Members(container.Cgroup, request.ExecId is null ? null : process.Session))
            {
                _ = Libc.kill(pid, request.Signal);
            }
        }

        // Reaped by the agent alone, so the pid is the process's until it is known to have ended.
        if (!process.Ended && process.Pid > 0 && Libc.kill(process.Pid, request.Signal) != 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() != Libc.ESRCH)
        {
            throw AgentException.Last("kill", $"process {process.Number} of container {container.Id}");
        }
    }

    public async Task UpdateAsync(UpdateContainer request)
    {
        var container = Find(request.ContainerId);
        var file = Path.Combine(container.Folder, "resources.json");
        File.WriteAllText(file, request.Resources);
        await _crun.RunAsync(container.Folder, (-1, -1, -1), "update", $"--resources={file}", container.Id).ConfigureAwait(false);
    }

    public async Task DeleteAsync(string id)
    {
        Container.Check(id);
        if (!_containers.TryGetValue(id, out var container))
        {
            return;
        }

        if (container.Deleting is not null)
        {
            // Asked for by a host that was killed meanwhile: the runtime refuses a second delete beside the first.
            await container.Deleting.ConfigureAwait(false);
            return;
        }

        container.Deleting = DeleteAsync(container);
        try
        {
            await container.Deleting.ConfigureAwait(false);
        }
        finally
        {
            container.Deleting = null;
        }
    }

    private async Task DeleteAsync(Container container)
    {
        var id = container.Id;
        if (container.Creating is { } creating)
        {
            // Its failure was the create's answer.
            await creating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        KillAll(container);
        await _crun.RunAsync(container.Folder, (-1, -1, -1), "delete", "--force", id).ConfigureAwait(false);
        foreach (var process in container.Processes.ToList())
        {
            Forget(container, process);
        }

        Disks.Unmount(container.Folder);
        Directory.Delete(container.Folder, recursive: true);
        _containers.Remove(id);
    }

    /// <summary>The host has an exit.</summary>
    public void Acknowledge(RunningProcess process)
    {
        process.Acknowledged = true;
        if (process.ExecId is not null && _containers.TryGetValue(process.ContainerId, out var container))
        {
            Forget(container, process);
        }
    }

    private async Task ExecAsync(Container container, RunningProcess process, byte[] json, bool stdin)
    {
        var name = $"exec-{process.Number.ToString(CultureInfo.InvariantCulture)}";
        var file = Path.Combine(container.Folder, name + ".json");
        try
        {
            File.WriteAllBytes(file, json);
            await LaunchAsync(container, process, name, stdin, ["exec", "--detach", $"--process={file}", container.Id]).ConfigureAwait(false);
        }
        catch
        {
            Forget(container, process);
            throw;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task CreateAsync(Container container, CreateContainer request)
    {
        var (config, terminal) = ContainerConfig.Fit(container.Id, request.Config);
        File.WriteAllBytes(Path.Combine(container.Folder, "config.json"), config);
        container.Init = processes.Add(container.Id, null, terminal);
        try
        {
            await LaunchAsync(container, container.Init, "init", request.Stdin, ["create", $"--bundle={container.Folder}", container.Id]).ConfigureAwait(false);
        }
        catch
        {
            processes.Remove(container.Init);
            container.Init = null;
            throw;
        }
    }

    private async Task LaunchAsync(Container container, RunningProcess process, string name, bool stdin, string[] arguments)
    {
        using var stdio = new ProcessStdio(process, stdin);
        reaper.Keep();
        try
        {
            string[] all = stdio.ConsoleSocket is { } socket ? [arguments[0], $"--console-socket={socket}", .. arguments[1..]] : arguments;
            process.Pid = await _crun.PidAsync(container.Folder, name, stdio.Standard, all).ConfigureAwait(false);
            process.Session = Sessions.Of(process.Pid);
            stdio.Attach();
            reaper.Expect(process.Pid, status => Ended(container, process, status));
        }
        finally
        {
            reaper.Release();
        }
    }

    private void Ended(Container container, RunningProcess process, int status)
    {
        if (process.ExecId is null)
        {
            // Whatever is left shares the container's output and must not outlive it.
            KillAll(container);
        }

        process.End(status, CgroupFigures.OutOfMemoryKills(container.Cgroup) > 0);
        FinishOutput(process);
    }

    private void FinishOutput(RunningProcess process) => loop.After(OutputGraceMilliseconds, () =>
    {
        if (processes.Knows(process) && !process.FinishOutput())
        {
            FinishOutput(process);
        }
    });

    private void Forget(Container container, RunningProcess process)
    {
        if (process.ExecId is { } execId)
        {
            container.Execs.Remove(execId);
        }

        processes.Remove(process);
    }

    // cgroups(7): all at once, without a race against forks.
    private static void KillAll(Container container)
    {
        var file = Path.Combine(container.Cgroup, "cgroup.kill");
        if (File.Exists(file))
        {
            File.WriteAllText(file, "1");
        }
    }
}

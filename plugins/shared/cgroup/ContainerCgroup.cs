using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>The cgroup of one container; a bundle may name none (null), and then there is nothing to see in it.</summary>
internal sealed class ContainerCgroup(Cgroups cgroups, string? path)
{
    // A process that a dead device or file system holds in the kernel does not die.
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);

    // A killed process is listed until it is gone, which takes the kernel some milliseconds.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private const int MostTries = 400;
    private const int SigKill = 9;

    private readonly CgroupOomKills _oomKills = new(cgroups.Layout);

    /// <summary>The processes in it and in the cgroups beneath.</summary>
    public IReadOnlyList<int> Pids() => path is null ? [] : cgroups.Pids(path);

    /// <summary>Sends a signal to its processes that are wanted.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Signal(int signal, Func<int, bool> wanted)
    {
        var any = false;
        List<PidFd> held = [.. Pids().Select(PidFd.TryOpen).OfType<PidFd>()];
        // A number may have been taken over before it was held; what is still listed is the right process.
        var members = Pids().ToHashSet();
        foreach (var process in held)
        {
            using (process)
            {
                any |= members.Contains(process.Pid) && wanted(process.Pid) && process.Signal(signal);
            }
        }

        return any;
    }

    /// <summary>Kills its processes that are wanted, and those that they start meanwhile, until there is none.</summary>
    public async Task KillAsync(Func<int, bool> wanted, TimeProvider clock)
    {
        for (var tries = 0; tries < MostTries && Signal(SigKill, wanted); tries++)
        {
            await Task.Delay(Pause, clock, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Kills all that is in it, and waits until nothing is.</summary>
    /// <exception cref="TimeoutException">Processes are left that do not die.</exception>
    public async Task KillAsync()
    {
        if (path is null)
        {
            return;
        }

        using var limit = new CancellationTokenSource(KillLimit);
        try
        {
            await cgroups.KillAsync(path, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"processes {string.Join(", ", Pids())} of cgroup {path} do not die within {KillLimit.TotalSeconds:0} s", e);
        }
    }

    /// <summary>
    /// Whether the kernel killed in it for lack of memory. If it is gone, the pod's count tells it of one that was killed.
    /// </summary>
    /// <param name="killed">Whether its init ended by SIGKILL.</param>
    public bool WasOutOfMemory(bool killed = false) =>
        path is not null && (_oomKills.In(path) is { } own ? own > 0 : killed && _oomKills.AnyUnexplained(path));

    /// <summary>To be called once its end is on disk: no other container of the pod is charged with what was killed in it.</summary>
    public void SettleOutOfMemory()
    {
        if (path is not null)
        {
            _oomKills.Explain(path);
        }
    }

    /// <summary>Removes it; absent is success.</summary>
    public Task RemoveAsync() => path is null ? Task.CompletedTask : cgroups.RemoveAsync(path, CancellationToken.None);
}

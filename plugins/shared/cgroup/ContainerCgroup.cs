using System.Globalization;
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

    // ENODEV: what read(2) of a cgroup's file gives after the cgroup was removed.
    private const int NoDevice = 19;

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

    /// <summary>Whether the kernel killed in it for lack of memory; false if it is gone.</summary>
    public bool WasOutOfMemory()
    {
        if (path is null || cgroups.Layout.Find("memory") is not { } hierarchy)
        {
            return false;
        }

        try
        {
            var file = hierarchy.Folder(path) + (hierarchy.IsV2 ? "/memory.events" : "/memory.oom_control");
            var kills = File.ReadLines(file).FirstOrDefault(static line => line.StartsWith("oom_kill ", StringComparison.Ordinal));
            return kills is not null && long.Parse(kills.AsSpan("oom_kill ".Length), CultureInfo.InvariantCulture) > 0;
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException || e.HResult == NoDevice)
        {
            return false;
        }
    }

    /// <summary>Removes it; absent is success.</summary>
    public Task RemoveAsync() => path is null ? Task.CompletedTask : cgroups.RemoveAsync(path, CancellationToken.None);
}

namespace Berth.Linux;

/// <summary>Kills all that lives in a cgroup, so that nothing can fork its way out.</summary>
internal static class CgroupKiller
{
    private const int SigKill = 9;

    public static async Task KillAsync(string folder, CancellationToken cancellationToken)
    {
        var pause = 1;
        while (CgroupFile.PidsBeneath(folder) is { Count: > 0 } pids)
        {
            if (!TryKillByKernel(folder))
            {
                KillFrozen(folder, pids);
            }

            await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
            pause = Math.Min(pause * 2, 50);
        }
    }

    // cgroup v2 since Linux 5.14: one write, no race.
    private static bool TryKillByKernel(string folder) => TryWrite($"{folder}/cgroup.kill", "1"u8);

    // A frozen process cannot fork, and its pid cannot be another's; the signals take effect when it thaws.
    private static void KillFrozen(string folder, IReadOnlyList<int> seen)
    {
        var frozen = TryWrite($"{folder}/freezer.state", "FROZEN"u8);
        try
        {
            foreach (var pid in frozen ? CgroupFile.PidsBeneath(folder) : seen)
            {
                using var process = PidFd.TryOpen(pid);
                process?.Signal(SigKill);
            }
        }
        finally
        {
            if (frozen)
            {
                TryWrite($"{folder}/freezer.state", "THAWED"u8);
            }
        }
    }

    // A file that is missing: another version of cgroups, or the cgroup went meanwhile.
    private static bool TryWrite(string path, ReadOnlySpan<byte> value)
    {
        try
        {
            CgroupFile.Write(path, value);
            return true;
        }
        catch (LinuxException e) when (e.IsNotFound || e.Is(Libc.ENODEV))
        {
            return false;
        }
    }
}

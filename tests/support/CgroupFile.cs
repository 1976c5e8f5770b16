namespace Berth.Tests.Support;

/// <summary>The limits that the kernel has for a process, on either version of cgroups.</summary>
public static class CgroupFile
{
    /// <summary>Whether version 2 is all that there is.</summary>
    public static bool Unified { get; } = File.Exists("/sys/fs/cgroup/cgroup.controllers");

    /// <summary>Bytes.</summary>
    public static long MemoryLimit(int pid) => long.Parse(Read(pid, "memory", "memory.limit_in_bytes", "memory.max"));

    /// <summary>Microseconds of processor time in each period.</summary>
    public static (long Quota, long Period) CpuQuota(int pid)
    {
        if (!Unified)
        {
            return (long.Parse(Read(pid, "cpu", "cpu.cfs_quota_us", "")), long.Parse(Read(pid, "cpu", "cpu.cfs_period_us", "")));
        }

        var fields = Read(pid, "cpu", "", "cpu.max").Split(' ');
        return (long.Parse(fields[0]), long.Parse(fields[1]));
    }

    /// <summary>The weight against others: shares on version 1, the weight that they become on version 2.</summary>
    public static long CpuShares(int pid) => long.Parse(Read(pid, "cpu", "cpu.shares", "cpu.weight"));

    /// <summary>What shares are on this machine; the formula is the OCI runtimes'.</summary>
    public static long ExpectedShares(long shares) => Unified ? 1 + ((shares - 2) * 9999 / 262142) : shares;

    /// <summary>The cgroup's path beneath the root of a controller's hierarchy.</summary>
    public static string PathOf(int pid, string controller)
    {
        var lines = File.ReadAllLines($"/proc/{pid}/cgroup");
        return lines.Select(static l => l.Split(':', 3)).First(l => Unified ? l[0] == "0" : l[1].Split(',').Contains(controller))[2];
    }

    /// <summary>A cgroup's own limits: memory, the quota of processor time, and its weight; null for none.</summary>
    public static (long? Memory, long? Quota, long Weight) Limits(string path)
    {
        var memory = Number(At(path, "memory", "memory.limit_in_bytes", "memory.max"));
        var quota = Number(At(path, "cpu", "cpu.cfs_quota_us", "cpu.max").Split(' ')[0]);
        return (memory, quota, Number(At(path, "cpu", "cpu.shares", "cpu.weight")) ?? 0);

        // v1 says none by a number near 2^63, or by -1.
        static long? Number(string text) => long.TryParse(text, out var number) && number is >= 0 and < 1L << 62 ? number : null;
    }

    // systemd takes a controller from a slice that needs it no more.
    private static string At(string path, string controller, string version1, string version2)
    {
        var file = $"{(Unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller)}{path}/{(Unified ? version2 : version1)}";
        return File.Exists(file) ? File.ReadAllText(file).Trim() : "";
    }

    /// <summary>The folder of a cgroup on version 2.</summary>
    public static string Folder(string path) => "/sys/fs/cgroup" + path;

    private static string Read(int pid, string controller, string version1, string version2)
    {
        var root = Unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + controller;
        return File.ReadAllText($"{root}{PathOf(pid, controller)}/{(Unified ? version2 : version1)}").Trim();
    }
}

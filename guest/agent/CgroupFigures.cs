using System.Globalization;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>What the kernel counts for a container (cgroup v2).</summary>
internal static class CgroupFigures
{
    public static GuestStats Read(Container container)
    {
        var cgroup = container.Cgroup;
        var current = Single(cgroup, "memory.current");
        var (writtenBytes, writtenInodes) = Disks.Written(container.Folder);
        return new()
        {
            CpuNanoseconds = Field(cgroup, "cpu.stat", "usage_usec") * 1000,
            MemoryCurrentBytes = current,
            MemoryWorkingSetBytes = Math.Max(0, current - Field(cgroup, "memory.stat", "inactive_file")),
            MemoryRssBytes = Field(cgroup, "memory.stat", "anon"),
            MemoryLimitBytes = Single(cgroup, "memory.max"),
            PageFaults = Field(cgroup, "memory.stat", "pgfault"),
            MajorPageFaults = Field(cgroup, "memory.stat", "pgmajfault"),
            Pids = Single(cgroup, "pids.current"),
            OutOfMemoryKills = OutOfMemoryKills(cgroup),
            WrittenBytes = writtenBytes,
            WrittenInodes = writtenInodes,
        };
    }

    public static long OutOfMemoryKills(string cgroup) => Field(cgroup, "memory.events", "oom_kill");

    /// <summary>A value of /proc/meminfo, in bytes.</summary>
    public static long Memory(string name) => Field("/proc", "meminfo", name + ":") * 1024;

    // "max", and a file that the kernel does not have, are 0.
    private static long Single(string folder, string file) => Number(Text(folder, file).Trim());

    private static long Field(string folder, string file, string name)
    {
        foreach (var line in Text(folder, file).Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] == name)
            {
                return Number(words[1]);
            }
        }

        return 0;
    }

    private static string Text(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        return File.Exists(path) ? File.ReadAllText(path) : "";
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
}

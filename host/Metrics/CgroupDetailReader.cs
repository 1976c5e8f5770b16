using Berth.Linux;

namespace Berth.Metrics;

/// <summary>
/// Reads <see cref="CgroupDetails"/>, in either version. Only who asks for metrics pays for it: nothing is kept open, and nothing read
/// in between.
/// </summary>
public sealed class CgroupDetailReader(CgroupLayout layout)
{
    private readonly DeviceNames _devices = new();

    /// <summary>The details now; null for a cgroup that is not there.</summary>
    public CgroupDetails? Read(string path)
    {
        var files = new Files(layout, path);
        try
        {
            var details = Cpu(files, Memory(files));
            details = details with
            {
                Threads = StatText.Number(files.Text("pids", "pids.current")),
                MaxThreads = files.Text("pids", "pids.max") is { } most ? StatText.Number(most) ?? 0 : null,
                Devices = layout.Find("io") is not null ? IoText.V2(files.Text("io", "io.stat"), _devices)
                    : IoText.V1(files.Text("blkio", "blkio.throttle.io_service_bytes"), files.Text("blkio", "blkio.throttle.io_serviced"), _devices),
            };
            return details is { CpuUserNanoseconds: null, MemoryCacheBytes: null, Threads: null } ? null : details;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // ENODEV: removed meanwhile
        }
    }

    private CgroupDetails Cpu(Files files, CgroupDetails details)
    {
        if (layout.Find("cpuacct") is null)
        {
            var unified = files.Text(layout.Unified, "cpu.stat");
            return details with
            {
                CpuUserNanoseconds = StatText.Number(unified, "user_usec") * 1000,
                CpuSystemNanoseconds = StatText.Number(unified, "system_usec") * 1000,
                CpuPeriods = StatText.Number(unified, "nr_periods"),
                CpuThrottledPeriods = StatText.Number(unified, "nr_throttled"),
                CpuThrottledNanoseconds = StatText.Number(unified, "throttled_usec") * 1000,
            };
        }

        var stat = files.Text("cpu", "cpu.stat");
        return details with
        {
            CpuUserNanoseconds = StatText.Number(files.Text("cpuacct", "cpuacct.usage_user")),
            CpuSystemNanoseconds = StatText.Number(files.Text("cpuacct", "cpuacct.usage_sys")),
            CpuPeriods = StatText.Number(stat, "nr_periods"),
            CpuThrottledPeriods = StatText.Number(stat, "nr_throttled"),
            CpuThrottledNanoseconds = StatText.Number(stat, "throttled_time"),
        };
    }

    private CgroupDetails Memory(Files files)
    {
        var stat = files.Text("memory", "memory.stat");
        if (layout.Find("memory") is not { IsV2: true })
        {
            return new()
            {
                MemoryCacheBytes = StatText.Number(stat, "total_cache"),
                MemoryMappedBytes = StatText.Number(stat, "total_mapped_file"),
                MemoryPeakBytes = StatText.Number(files.Text("memory", "memory.max_usage_in_bytes")),
                MemoryLimitHits = StatText.Number(files.Text("memory", "memory.failcnt")),
                OomKills = StatText.Number(files.Text("memory", "memory.oom_control"), "oom_kill"),
            };
        }

        var events = files.Text("memory", "memory.events");
        return new()
        {
            MemoryCacheBytes = StatText.Number(stat, "file"),
            MemoryMappedBytes = StatText.Number(stat, "file_mapped"),
            MemoryPeakBytes = StatText.Number(files.Text("memory", "memory.peak")), // from kernel 5.19 on
            MemoryLimitHits = StatText.Number(events, "max"),
            OomKills = StatText.Number(events, "oom_kill"),
        };
    }

    private sealed class Files(CgroupLayout layout, string path)
    {
        private readonly byte[] _buffer = new byte[8 * 1024];

        public string? Text(string controller, string file) => Text(layout.Find(controller), file);

        public string? Text(CgroupHierarchy? hierarchy, string file)
        {
            using var open = hierarchy is null ? null : KeptFile.TryOpen($"{hierarchy.Folder(path)}/{file}");
            return open?.Read(_buffer);
        }
    }
}

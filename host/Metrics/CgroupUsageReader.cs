using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Metrics;

/// <summary>Reads the usage of one cgroup, in either version, through descriptors that it keeps.</summary>
internal sealed class CgroupUsageReader(CgroupLayout layout, string path) : IDisposable
{
    private const int NotSupported = 95; // EOPNOTSUPP

    // memory.stat is the longest, at 1.5 to 4 KiB.
    private readonly byte[] _buffer = new byte[8 * 1024];
    private readonly Dictionary<string, KeptFile> _files = [];

    /// <summary>The usage now, or null if the cgroup does not exist.</summary>
    public ResourceUsage? Read(DateTimeOffset timestamp)
    {
        try
        {
            var cpu = Cpu();
            var usage = layout.Find("memory") is { IsV2: true } ? MemoryV2(timestamp) : MemoryV1(timestamp);
            usage = usage with
            {
                CpuNanoseconds = cpu,
                ProcessCount = StatText.Number(Text("pids", "pids.current")),
                CpuPressure = Pressure("cpu.pressure"),
                MemoryPressure = Pressure("memory.pressure"),
                IoPressure = Pressure("io.pressure"),
            };
            return usage is { CpuNanoseconds: null, MemoryUsageBytes: null } ? null : usage;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Dispose(); // ENODEV: removed; should it come back, it is another, with other files
            return null;
        }
    }

    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }

        _files.Clear();
    }

    // cpu.stat of v2 exists in every cgroup, also where the controller is not enabled.
    private ulong? Cpu() =>
        layout.Find("cpuacct") is { } v1
            ? StatText.Number(Text(v1, "cpuacct.usage"))
            : StatText.Number(Text(layout.Unified, "cpu.stat"), "usage_usec") * 1000;

    private ResourceUsage MemoryV1(DateTimeOffset timestamp)
    {
        var stat = Text("memory", "memory.stat");
        var usage = StatText.Number(Text("memory", "memory.usage_in_bytes"));
        var workingSet = StatText.Less(usage, StatText.Number(stat, "total_inactive_file"));
        var limit = StatText.Limit(StatText.Number(stat, "hierarchical_memory_limit"));
        var swap = StatText.Number(stat, "total_swap");
        // Of v1 the limit on swap is that on both less that on memory.
        var swapLimit = StatText.Less(StatText.Limit(StatText.Number(stat, "hierarchical_memsw_limit")), limit);
        return new()
        {
            Timestamp = timestamp,
            MemoryUsageBytes = usage,
            MemoryWorkingSetBytes = workingSet,
            MemoryAvailableBytes = StatText.Less(limit, workingSet),
            MemoryRssBytes = StatText.Number(stat, "total_rss"),
            PageFaults = StatText.Number(stat, "total_pgfault"),
            MajorPageFaults = StatText.Number(stat, "total_pgmajfault"),
            SwapUsageBytes = swap,
            SwapAvailableBytes = StatText.Less(swapLimit, swap),
        };
    }

    private ResourceUsage MemoryV2(DateTimeOffset timestamp)
    {
        var stat = Text("memory", "memory.stat");
        var usage = StatText.Number(Text("memory", "memory.current"));
        var workingSet = StatText.Less(usage, StatText.Number(stat, "inactive_file"));
        var swap = StatText.Number(Text("memory", "memory.swap.current"));
        return new()
        {
            Timestamp = timestamp,
            MemoryUsageBytes = usage,
            MemoryWorkingSetBytes = workingSet,
            MemoryAvailableBytes = StatText.Less(LimitV2("memory.max"), workingSet),
            MemoryRssBytes = StatText.Number(stat, "anon"),
            PageFaults = StatText.Number(stat, "pgfault"),
            MajorPageFaults = StatText.Number(stat, "pgmajfault"),
            SwapUsageBytes = swap,
            SwapAvailableBytes = StatText.Less(LimitV2("memory.swap.max"), swap),
        };
    }

    // crun has a container, and its limits, in a cgroup of this name within the scope that systemd makes; see run.oci.systemd.subgroup in
    // crun(1). A limit of none is the word max.
    private ulong? LimitV2(string file) =>
        StatText.Number(Text("memory", file))
        ?? (Directory.Exists($"{layout.Unified!.Folder(path)}/container") ? StatText.Number(Text("memory", "container/" + file)) : null);

    private PressureStall? Pressure(string file)
    {
        try
        {
            return StatText.Pressure(Text(layout.Unified, file));
        }
        catch (IOException e) when (e.HResult == NotSupported)
        {
            return null; // a kernel that was booted without it has the files all the same
        }
    }

    private string? Text(string controller, string file) => Text(layout.Find(controller), file);

    private string? Text(CgroupHierarchy? hierarchy, string file)
    {
        if (hierarchy is null)
        {
            return null;
        }

        if (!_files.TryGetValue(file, out var kept))
        {
            kept = KeptFile.TryOpen($"{hierarchy.Folder(path)}/{file}");
            if (kept is null)
            {
                return null;
            }

            _files[file] = kept;
        }

        return kept.Read(_buffer);
    }
}

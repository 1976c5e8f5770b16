using Berth.Linux;
using Berth.Metrics;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

/// <summary>In folders that have a cgroup's files, of either version.</summary>
public sealed class CgroupDetailReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_OnV2_HasAllOfItsFiles()
    {
        Write(
            ("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 5\nnr_throttled 4\nthrottled_usec 3\n"),
            ("memory.stat", "anon 1\nfile 4096\nfile_mapped 2048\n"), ("memory.peak", "9000\n"), ("memory.events", "low 0\nhigh 1\nmax 7\noom 2\noom_kill 6\n"),
            ("pids.current", "3\n"), ("pids.max", "max\n"), ("io.stat", "999:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n999:1 rbytes=5\n"));
        var details = Reader(new CgroupHierarchy(_folder.Path, true, ["cpu", "memory", "pids", "io"])).Read("/c")!;

        Assert.Equal((20_000UL, 10_000UL, 5UL, 4UL, 3_000UL), (details.CpuUserNanoseconds, details.CpuSystemNanoseconds, details.CpuPeriods, details.CpuThrottledPeriods, details.CpuThrottledNanoseconds));
        Assert.Equal((4096UL, 2048UL, 9000UL, 7UL, 6UL), (details.MemoryCacheBytes, details.MemoryMappedBytes, details.MemoryPeakBytes, details.MemoryLimitHits, details.OomKills));
        Assert.Equal((3UL, 0UL), (details.Threads, details.MaxThreads));
        Assert.Equal(
            [new("999:0", 999, 0) { ReadBytes = 1, WrittenBytes = 2, Reads = 3, Writes = 4 }, new DeviceIo("999:1", 999, 1) { ReadBytes = 5 }],
            details.Devices);
    }

    [Fact]
    public void Read_OnV1_HasAllOfItsFiles()
    {
        Write(
            ("cpuacct.usage_user", "20\n"), ("cpuacct.usage_sys", "10\n"), ("cpu.stat", "nr_periods 5\nnr_throttled 4\nthrottled_time 3\n"),
            ("memory.stat", "cache 1\ntotal_cache 4096\ntotal_mapped_file 2048\n"), ("memory.max_usage_in_bytes", "9000\n"), ("memory.failcnt", "7\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n"), ("pids.current", "3\n"), ("pids.max", "77\n"),
            ("blkio.throttle.io_service_bytes", "999:0 Read 1\n999:0 Write 2\n999:0 Sync 3\n999:0 Total 3\nTotal 3\n"), ("blkio.throttle.io_serviced", "999:0 Read 3\n999:0 Write 4\nTotal 7\n"));
        var details = Reader(new CgroupHierarchy(_folder.Path, false, ["cpu", "cpuacct", "memory", "pids", "blkio"])).Read("/c")!;

        Assert.Equal((20UL, 10UL, 5UL, 4UL, 3UL), (details.CpuUserNanoseconds, details.CpuSystemNanoseconds, details.CpuPeriods, details.CpuThrottledPeriods, details.CpuThrottledNanoseconds));
        Assert.Equal((4096UL, 2048UL, 9000UL, 7UL, 6UL), (details.MemoryCacheBytes, details.MemoryMappedBytes, details.MemoryPeakBytes, details.MemoryLimitHits, details.OomKills));
        Assert.Equal((3UL, 77UL), (details.Threads, details.MaxThreads));
        Assert.Equal([new DeviceIo("999:0", 999, 0) { ReadBytes = 1, WrittenBytes = 2, Reads = 3, Writes = 4 }], details.Devices);
    }

    [Fact]
    public void Read_NoSuchCgroup_IsNull() => Assert.Null(Reader(new CgroupHierarchy(_folder.Path, true, ["cpu", "memory"])).Read("/none"));

    [Fact]
    public void Processes_OfThisOne_AreCountedWithTheirFiles()
    {
        using var file = File.OpenRead("/proc/self/status");
        var details = ProcessDetails.Read([Environment.ProcessId, int.MaxValue], Environment.ProcessId)!;
        Assert.Equal(2, details.Processes);
        Assert.True(details.Descriptors > 3);
        Assert.True(details.MaxOpenFiles > 3);
        Assert.Null(ProcessDetails.Read([], 0));
    }

    private static CgroupDetailReader Reader(CgroupHierarchy hierarchy) => new(new(hierarchy.IsV2 ? CgroupMode.V2 : CgroupMode.V1, [hierarchy]));

    private void Write(params (string Name, string Content)[] files)
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "c"));
        foreach (var (name, content) in files)
        {
            File.WriteAllText(Path.Combine(_folder.Path, "c", name), content);
        }
    }
}

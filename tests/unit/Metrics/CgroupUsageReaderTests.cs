using Berth.Linux;
using Berth.Metrics;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

/// <summary>Of v2, in a folder that has a cgroup's files: this machine may have v1 only.</summary>
public sealed class CgroupUsageReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly CgroupUsageReader _reader;

    public CgroupUsageReaderTests()
    {
        _reader = new(new(CgroupMode.V2, [new(_folder.Path, true, ["memory", "cpu", "pids"])]), "/scope");
        Write("/scope", ("memory.current", "5000"), ("memory.stat", "inactive_file 1000\n"), ("memory.max", "max\n"), ("memory.swap.current", "100"), ("memory.swap.max", "max\n"));
    }

    [Fact]
    public void Read_NoLimit_LeavesWhatIsAvailableOpen()
    {
        var usage = _reader.Read(default)!;
        Assert.Equal((4000UL, null, null), (usage.MemoryWorkingSetBytes, usage.MemoryAvailableBytes, usage.SwapAvailableBytes));
    }

    [Fact]
    public void Read_LimitsOfTheScope_Count()
    {
        Write("/scope", ("memory.max", "9000\n"), ("memory.swap.max", "300\n"));
        Write("/scope/container", ("memory.max", "7000\n"), ("memory.swap.max", "200\n"));
        Assert.Equal((5000UL, 200UL), Available());
    }

    [Fact]
    public void Read_LimitsInCrunsCgroupWithin_Count()
    {
        Write("/scope/container", ("memory.max", "7000\n"), ("memory.swap.max", "200\n"));
        Assert.Equal((3000UL, 100UL), Available());
    }

    public void Dispose()
    {
        _reader.Dispose();
        _folder.Dispose();
    }

    private (ulong?, ulong?) Available() => _reader.Read(default) is { } usage ? (usage.MemoryAvailableBytes, usage.SwapAvailableBytes) : default;

    private void Write(string cgroup, params (string Name, string Content)[] files)
    {
        Directory.CreateDirectory(_folder.Path + cgroup);
        foreach (var (name, content) in files)
        {
            File.WriteAllText($"{_folder.Path}{cgroup}/{name}", content);
        }
    }
}

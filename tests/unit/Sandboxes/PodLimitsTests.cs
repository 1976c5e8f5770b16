using System.Text;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Sandboxes;
using Berth.Tests.Unit.Containers.Spec;
using Berth.Tests.Unit.Cri;
using Xunit;

namespace Berth.Tests.Unit.Sandboxes;

public sealed class PodLimitsTests
{
    private const long MiB = 1 << 20;

    private static readonly HostFacts Host = TestRootfs.Host with { CgroupV2 = true, HasHugetlbController = true };

    [Fact]
    public void Of_ResourcesAndOverhead_IsTheirSum() => Assert.Equal(
        $$$"""{"memory":{"limit":{{{80 * MiB}}}},"cpu":{"shares":768,"quota":30000,"period":50000,"cpus":"0-1,2"},"hugepageLimits":[{"pageSize":"2MB","limit":6}],"unified":{"memory.high":"5","pids.max":"9"}}""",
        Json(
            new()
            {
                MemoryLimitBytes = 64 * MiB,
                CpuQuota = 25000,
                CpuPeriod = 50000,
                CpuShares = 512,
                CpusetCpus = "0-1",
                HugepageLimits = [new("2MB", 2)],
                OomScoreAdj = 5,
                Unified = new Dictionary<string, string> { ["memory.high"] = "5" },
            },
            new()
            {
                MemoryLimitBytes = 16 * MiB,
                CpuQuota = 10000,
                CpuPeriod = 100000,
                CpuShares = 256,
                CpusetCpus = "2",
                HugepageLimits = [new("2MB", 4)],
                Unified = new Dictionary<string, string> { ["memory.high"] = "7", ["pids.max"] = "9" },
            }));

    [Fact]
    public void Of_WhatTheContainersAreNotLimitedIn_IsNotLimitedByTheOverheadAlone() =>
        Assert.Equal("{}", Json(new() { CpuQuota = -1 }, new() { MemoryLimitBytes = 16 * MiB, CpuQuota = 10000, CpuPeriod = 100000, CpuShares = 256 }));

    [Fact]
    public void Of_LessOverheadThanTheHandlerTakes_CountsTheHandlers()
    {
        var own = new ContainerResources { MemoryLimitBytes = MiB, CpuQuota = 100000 };
        var handlers = new PodOverhead { MemoryBytes = 32 * MiB, CpuMillis = 250 };
        Assert.Equal($$$"""{"memory":{"limit":{{{33 * MiB}}}},"cpu":{"quota":125000,"period":100000}}""", Json(own, new() { MemoryLimitBytes = MiB }, handlers));
        Assert.Equal("""{"cpu":{"quota":125000,"period":100000}}""", Json(own, null, handlers, withMemory: false));
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(3 * MiB, 4 * MiB)]
    [InlineData(-1, -1L)]
    public void Of_Swap_IsLeftToTheContainersUnlessThePodHasIt(long swap, long? expected)
    {
        var memory = PodLimits.Of(Pod(new() { MemoryLimitBytes = 2 * MiB, MemorySwapLimitBytes = swap }, new() { MemoryLimitBytes = MiB }), null, Host).Memory;
        Assert.Equal((3 * MiB, expected), (memory!.Limit, memory.Swap));
    }

    [Fact]
    public void Of_MoreThanThereCanBe_IsBounded()
    {
        var most = new ContainerResources { MemoryLimitBytes = long.MaxValue, CpuQuota = long.MaxValue, CpuPeriod = 1, CpuShares = long.MaxValue, HugepageLimits = [new("2MB", ulong.MaxValue)] };
        var sum = PodLimits.Of(Pod(most, most), null, Host);
        Assert.Equal((long.MaxValue, long.MaxValue, (ulong)long.MaxValue, ulong.MaxValue), (sum.Memory!.Limit, sum.Cpu!.Quota, sum.Cpu.Shares, sum.HugepageLimits![0].Limit));
    }

    private static PodSandboxSpec Pod(ContainerResources? own, ContainerResources? overhead) => Records.Sandbox().Spec with { Resources = own, Overhead = overhead };

    private static string Json(ContainerResources? own, ContainerResources? overhead, PodOverhead? handlers = null, bool withMemory = true) =>
        Encoding.UTF8.GetString(OciJson.Write(PodLimits.Of(Pod(own, overhead), handlers, Host, withMemory)));
}

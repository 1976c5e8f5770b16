using System.Text;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class ResourcePlanTests
{
    private static readonly HostFacts V1 = TestRootfs.Host;
    private static readonly HostFacts V2 = V1 with { CgroupV2 = true, HasHugetlbController = true };

    [Fact]
    public void Create_NothingSet_IsEmpty() => Assert.Equal("{}", Json(new(), V1));

    [Fact]
    public void Create_AllSet_IsAsTheRuntimeReadsIt() =>
        Assert.Equal(
            """{"memory":{"limit":1048576,"swap":1048576},"cpu":{"shares":512,"quota":-1,"period":100000,"cpus":"0-1,3","mems":"0"},"hugepageLimits":[{"pageSize":"2MB","limit":4194304}],"unified":{"memory.high":"max"}}""",
            Json(
                new()
                {
                    CpuShares = 512,
                    CpuQuota = -5,
                    CpuPeriod = 100000,
                    CpusetCpus = "0-1,3",
                    CpusetMems = "0",
                    MemoryLimitBytes = 1048576,
                    HugepageLimits = [new("2MB", 4194304)],
                    Unified = new Dictionary<string, string> { ["memory.high"] = "max" },
                },
                V2));

    [Theory]
    [InlineData(0, 0, null, null)]
    [InlineData(100, 0, 100L, 100L)]
    [InlineData(100, 150, 100L, 150L)]
    [InlineData(100, -1, 100L, -1L)]
    [InlineData(0, -1, null, -1L)]
    public void Create_Swap_DefaultsToNone(long limit, long swap, long? expectedLimit, long? expectedSwap)
    {
        var memory = ResourcePlan.Create(new() { MemoryLimitBytes = limit, MemorySwapLimitBytes = swap }, V1).Memory;

        Assert.Equal((expectedLimit, expectedSwap), (memory?.Limit, memory?.Swap));
    }

    [Fact]
    public void Create_NoSwapController_LeavesSwapOutOrRefuses()
    {
        var host = V1 with { HasSwapController = false };

        Assert.Equal("""{"memory":{"limit":100}}""", Json(new() { MemoryLimitBytes = 100, MemorySwapLimitBytes = 100 }, host));
        TestRootfs.Refused(() => ResourcePlan.Create(new() { MemoryLimitBytes = 100, MemorySwapLimitBytes = 200 }, host), RuntimeErrorCode.FailedPrecondition);
    }

    public static TheoryData<ContainerResources> Refused { get; } =
    [
        new ContainerResources { MemoryLimitBytes = -1 },
        new ContainerResources { CpuPeriod = -1 },
        new ContainerResources { CpuShares = -1 },
        new ContainerResources { MemoryLimitBytes = 100, MemorySwapLimitBytes = 50 },
        new ContainerResources { MemorySwapLimitBytes = 50 },
        new ContainerResources { CpusetCpus = "0-1\n" },
        new ContainerResources { CpusetMems = "../x" },
        new ContainerResources { HugepageLimits = [new("2MB/../x", 1)] },
        new ContainerResources { Unified = new Dictionary<string, string> { ["memory.high"] = "1" } },
    ];

    [Theory]
    [MemberData(nameof(Refused))]
    public void Create_BadValue_IsRefused(ContainerResources resources) =>
        TestRootfs.Refused(() => ResourcePlan.Create(resources, V1), RuntimeErrorCode.InvalidArgument);

    [Theory]
    [InlineData("../cpu.max")]
    [InlineData("cgroup.procs")]
    [InlineData("memory")]
    [InlineData("memory.high/../../x")]
    [InlineData("")]
    public void Create_UnifiedKeyThatIsNoLimit_IsRefused(string key) =>
        TestRootfs.Refused(
            () => ResourcePlan.Create(new() { Unified = new Dictionary<string, string> { [key] = "1" } }, V2), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Create_NoHugetlbController_LeavesHugepagesOut() =>
        Assert.Equal("{}", Json(new() { HugepageLimits = [new("1GB", 0)] }, V1));

    [Fact]
    public void Create_HugepagesWithoutTheController_AreRefused() =>
        TestRootfs.Refused(() => ResourcePlan.Create(new() { HugepageLimits = [new("1GB", 0), new("2MB", 1 << 21)] }, V1), RuntimeErrorCode.FailedPrecondition);

    [Fact]
    public void Merge_Unified_KeepsWhatTheChangeDoesNotName()
    {
        var old = new ContainerResources
        {
            Unified = new Dictionary<string, string> { ["memory.high"] = "1", ["pids.max"] = "7" },
            HugepageLimits = [new("2MB", 1), new("1GB", 2)],
            CpuShares = 5,
        };
        var merged = ResourceChange.Merge(old, new() { Unified = new Dictionary<string, string> { ["memory.high"] = "max" }, HugepageLimits = [new("2MB", 3)] });
        Assert.Equal([("memory.high", "max"), ("pids.max", "7")], merged.Unified.OrderBy(static u => u.Key).Select(static u => (u.Key, u.Value)));
        Assert.Equal([("1GB", 2ul), ("2MB", 3ul)], merged.HugepageLimits.OrderBy(static l => l.PageSize).Select(static l => (l.PageSize, l.LimitBytes)));
        Assert.Equal(5, merged.CpuShares);
    }

    [Theory]
    [InlineData(-998, 0, 0)]
    [InlineData(-998, -1000, -998)]
    [InlineData(500, 0, 500)]
    [InlineData(5000, 0, 1000)]
    public void Clamp_Score_IsWhatTheKernelTakes(long asked, int floor, int expected) => Assert.Equal(expected, OomScore.Clamp(asked, floor));

    [Fact]
    public void Floor_WithoutSysResource_IsOurOwnScore()
    {
        Assert.Equal(-5, OomScore.Floor(default, -5));
        Assert.Equal(-1000, OomScore.Floor(TestRootfs.Capability("SYS_RESOURCE"), 0));
    }

    private static string Json(ContainerResources resources, HostFacts host) => Encoding.UTF8.GetString(OciJson.Write(ResourcePlan.Create(resources, host)));
}

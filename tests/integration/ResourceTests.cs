using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Limits as the kernel has them, and usage as it counts it.</summary>
public sealed class ResourceTests(Suite suite)
{
    private const long MiB = 1024 * 1024;

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Limits_OfTheRequest_AreInTheCgroup(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Limited());
        var pid = await suite.PidAsync(id);
        Assert.Equal(64 * MiB, CgroupFile.MemoryLimit(pid));
        Assert.Equal((20000, 100000), CgroupFile.CpuQuota(pid));
        Assert.Equal(CgroupFile.ExpectedShares(512), CgroupFile.CpuShares(pid));
        Assert.StartsWith(pod.Config.Linux.CgroupParent + "/", CgroupFile.PathOf(pid, "memory"), StringComparison.Ordinal);
        Assert.Equal("500", (await File.ReadAllTextAsync($"/proc/{pid}/oom_score_adj")).Trim());
        Assert.Equal(64 * MiB, (await pod.StatusAsync(id)).Resources.Linux.MemoryLimitInBytes);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Update_Running_ChangesCgroupAndStatus(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Limited());
        await suite.Client.Runtime.UpdateContainerResourcesAsync(new()
        {
            ContainerId = id,
            Linux = new() { MemoryLimitInBytes = 96 * MiB, CpuQuota = 40000, CpuPeriod = 100000 },
        });
        var pid = await suite.PidAsync(id);
        Assert.Equal(96 * MiB, CgroupFile.MemoryLimit(pid));
        Assert.Equal((40000, 100000), CgroupFile.CpuQuota(pid));
        var status = await pod.StatusAsync(id);
        Assert.Equal((96 * MiB, 40000, 512), (status.Resources.Linux.MemoryLimitInBytes, status.Resources.Linux.CpuQuota, status.Resources.Linux.CpuShares));
    }

    [Fact]
    public async Task OomScoreAdj_BelowWhatTheKernelGrants_IsClamped()
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Linux.Resources.OomScoreAdj = -998;
        var id = await pod.StartAsync(container);
        var inForce = await ScoreAsync(await suite.PidAsync(id));
        Assert.InRange(inForce, -998, 0);
        Assert.Equal(inForce, (await pod.StatusAsync(id)).Resources.Linux.OomScoreAdj);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task OomScoreAdj_Updated_IsThatOfEveryProcess(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("scores", "sleep 3600 & trap 'exit 0' TERM; echo up; wait");
        container.Linux.Resources.OomScoreAdj = 100;
        var id = await pod.StartAsync(container);
        await Wait.ForAsync(() => pod.Log("scores.log").Count > 0, TimeSpan.FromSeconds(30));
        await suite.Client.Runtime.UpdateContainerResourcesAsync(new() { ContainerId = id, Linux = new() { OomScoreAdj = 300 } });

        var status = (await pod.StatusAsync(id)).Resources.Linux.OomScoreAdj;
        // The command that looks has what its runtime gives it.
        var all = await pod.ExecAsync(id, "sh", "-c", "for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || cat $p/oom_score_adj; done");
        Assert.Equal((300, "300\n300\n"), (status, all.Output));
        Assert.Equal(300, await ScoreAsync(await suite.PidAsync(id)));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Stats_BusyContainer_AreCounted(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("busy", "dd if=/dev/zero of=/data bs=1M count=8 2>/dev/null; echo written; while :; do :; done"));
        // A look before that would be kept for half a minute.
        await Wait.ForAsync(() => pod.Log("busy.log").Count > 0, TimeSpan.FromSeconds(30));

        async Task<ContainerStats> StatsAsync() => (await suite.Client.Runtime.ContainerStatsAsync(new() { ContainerId = id })).Stats;
        var stats = await Wait.ForAsync(
            StatsAsync,
            static s => s.Cpu?.UsageCoreNanoSeconds?.Value > 0 && s.Cpu?.UsageNanoCores?.Value > 0 && s.WritableLayer?.UsedBytes?.Value >= 8 * MiB,
            TimeSpan.FromSeconds(90));
        Assert.Equal(id, stats.Attributes.Id);
        Assert.True(stats.Cpu.Timestamp > 0);
        Assert.True(stats.Memory.WorkingSetBytes.Value > 0);
        // The Engine does not tell all of them.
        Assert.True(handler == "docker" || stats.Memory is { RssBytes.Value: > 0, PageFaults.Value: > 0, MajorPageFaults: not null }, stats.Memory.ToString());
        Assert.True(stats.WritableLayer.InodesUsed.Value > 0);
    }

    [Fact]
    public async Task ListContainerStats_Filters_Narrow()
    {
        await using var first = await suite.PodAsync();
        await using var second = await suite.PodAsync();
        var id = await first.StartAsync(Requests.Idle());
        await second.StartAsync(Requests.Idle());
        var byPod = await suite.Client.Runtime.ListContainerStatsAsync(new() { Filter = new() { PodSandboxId = first.Id } });
        Assert.Equal(id, Assert.Single(byPod.Stats).Attributes.Id);
        Assert.Empty((await suite.Client.Runtime.ListContainerStatsAsync(new() { Filter = new() { Id = "0123456789" } })).Stats);
    }

    [Fact]
    public async Task Monitors_Run_OutsideTheContainersLimits()
    {
        await using var pod = await suite.PodAsync();
        var pid = await suite.PidAsync(await pod.StartAsync(Limited()));
        var monitor = int.Parse((await File.ReadAllLinesAsync($"/proc/{pid}/status")).First(static l => l.StartsWith("PPid:", StringComparison.Ordinal))[5..]);
        var path = CgroupFile.PathOf(monitor, "memory");
        Assert.StartsWith(pod.Config.Linux.CgroupParent + "/berth-", path, StringComparison.Ordinal);
        Assert.NotEqual(CgroupFile.PathOf(pid, "memory"), path);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Limits_OfProcessorsNodesSwapAndHugePages_AreInTheCgroup_OrRefused(string handler)
    {
        Assert.SkipWhen(CgroupFile.Unified, "UnifiedCgroupTests has these of cgroup v2");
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Idle("placed");
        container.Linux.Resources = new() { CpusetCpus = "0", CpusetMems = "0" };
        var path = $"{pod.Config.Linux.CgroupParent}/{await pod.StartAsync(container)}";
        Assert.Equal(("0", "0"), (Read("cpuset", path, "cpuset.cpus"), Read("cpuset", path, "cpuset.mems")));

        await EitherAsync(
            pod, "swap", "swapaccount", File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"), static r => (r.MemoryLimitInBytes, r.MemorySwapLimitInBytes) = (64 * MiB, 96 * MiB),
            static p => Assert.Equal($"{96 * MiB}", Read("memory", p, "memory.memsw.limit_in_bytes")));
        await EitherAsync(
            pod, "pages", "hugetlb", Directory.Exists("/sys/fs/cgroup/hugetlb"), static r => r.HugepageLimits.Add(new HugepageLimit { PageSize = "2MB", Limit = 4 << 20 }),
            static p => Assert.Equal($"{4 << 20}", Read("hugetlb", p, "hugetlb.2MB.limit_in_bytes")));
    }

    // As the machine has it: in force, or refused by the name of what is missing.
    private static async Task EitherAsync(TestPod pod, string name, string missing, bool isThere, Action<LinuxContainerResources> limit, Action<string> check)
    {
        var container = Requests.Idle(name);
        limit(container.Linux.Resources);
        if (isThere)
        {
            check($"{pod.Config.Linux.CgroupParent}/{await pod.StartAsync(container)}");
            return;
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => pod.StartAsync(container));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Contains(missing, error.Status.Detail, StringComparison.Ordinal);
    }

    private static string Read(string controller, string path, string file) => File.ReadAllText($"/sys/fs/cgroup/{controller}{path}/{file}").Trim();

    private static async Task<int> ScoreAsync(int pid) => int.Parse(await File.ReadAllTextAsync($"/proc/{pid}/oom_score_adj"));

    private static ContainerConfig Limited()
    {
        var container = Requests.Idle("limited");
        container.Linux.Resources = new() { MemoryLimitInBytes = 64 * MiB, CpuQuota = 20000, CpuPeriod = 100000, CpuShares = 512, OomScoreAdj = 500 };
        return container;
    }
}

using System.Text.Json;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The pod's own cgroup: limited where the gateway has made it, left alone where a kubelet has.</summary>
public sealed class PodLimitTests(Suite suite)
{
    private const long MiB = 1024 * 1024;

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task OwnCgroup_HasResourcesAndOverhead_AndWhatAnUpdateSays(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c =>
        {
            UnifiedPod.OnTheNodesNetwork(c);
            c.Linux.Resources = new() { MemoryLimitInBytes = 256 * MiB, CpuQuota = 50000, CpuPeriod = 100000, CpuShares = 512 };
            c.Linux.Overhead = new() { MemoryLimitInBytes = 64 * MiB, CpuQuota = 10000, CpuPeriod = 100000 };
        });
        var cgroup = pod.Config.Linux.CgroupParent;
        Assert.Equal((320 * MiB, 60000, CgroupFile.ExpectedShares(512)), CgroupFile.Limits(cgroup));
        await pod.StartAsync(Requests.Idle());

        await suite.Client.Runtime.UpdatePodSandboxResourcesAsync(new() { PodSandboxId = pod.Id, Resources = new() { MemoryLimitInBytes = 384 * MiB, CpuQuota = 90000, CpuPeriod = 100000 } });
        Assert.Equal((448 * MiB, 100000, CgroupFile.ExpectedShares(512)), CgroupFile.Limits(cgroup));
        await suite.Client.Runtime.UpdatePodSandboxResourcesAsync(new() { PodSandboxId = pod.Id, Overhead = new() { MemoryLimitInBytes = 128 * MiB } });
        Assert.Equal((512 * MiB, 100000, CgroupFile.ExpectedShares(512)), CgroupFile.Limits(cgroup));
        using var info = await InfoAsync(pod);
        Assert.Equal("the gateway, which made the cgroup: resources and overhead", info.RootElement.GetProperty("cgroupLimitsAreSetBy").GetString());
        Assert.Equal((384 * MiB, 512), (info.RootElement.GetProperty("resources").GetProperty("memoryLimitBytes").GetInt64(), info.RootElement.GetProperty("resources").GetProperty("cpuShares").GetInt64()));
    }

    [Fact]
    public async Task CgroupOfAKubelet_IsLeftAlone_AndTheStatusSaysSo()
    {
        var cgroups = new Cgroups(CgroupLayout.Detect());
        var path = TestCgroups.Pod(TestCgroups.Root("berth-tests-kubelet"), "pod");
        cgroups.Create(path);
        try
        {
            var before = CgroupFile.Limits(path);
            await using var pod = await suite.PodAsync(change: c =>
            {
                UnifiedPod.OnTheNodesNetwork(c);
                c.Linux.CgroupParent = path;
                c.Linux.Resources = new() { MemoryLimitInBytes = 256 * MiB, CpuShares = 512 };
            });
            await suite.Client.Runtime.UpdatePodSandboxResourcesAsync(new() { PodSandboxId = pod.Id, Resources = new() { MemoryLimitInBytes = 384 * MiB } });
            Assert.Equal(before, CgroupFile.Limits(path));
            using var info = await InfoAsync(pod);
            Assert.StartsWith("whoever made the cgroup", info.RootElement.GetProperty("cgroupLimitsAreSetBy").GetString(), StringComparison.Ordinal);
            Assert.Equal(384 * MiB, info.RootElement.GetProperty("resources").GetProperty("memoryLimitBytes").GetInt64());
        }
        finally
        {
            await cgroups.RemoveAsync(Path.GetDirectoryName(path)!, CancellationToken.None);
        }
    }

    [Fact]
    public async Task OneCgroupForTwoPods_HasTheLimitsOfNeither()
    {
        static void Limit(PodSandboxConfig config)
        {
            UnifiedPod.OnTheNodesNetwork(config);
            config.Linux.CgroupParent = TestCgroups.Pod(TestCgroups.Root("berth-tests-shared"), "pod");
            config.Linux.Resources = new() { MemoryLimitInBytes = 256 * MiB };
        }

        await using var first = await suite.PodAsync(change: Limit);
        Assert.Equal(256 * MiB, CgroupFile.Limits(first.Config.Linux.CgroupParent).Memory);
        await using var second = await suite.PodAsync(change: Limit);
        Assert.Null(CgroupFile.Limits(first.Config.Linux.CgroupParent).Memory);
        foreach (var pod in (TestPod[])[first, second])
        {
            using var info = await InfoAsync(pod);
            Assert.StartsWith("nobody: another pod", info.RootElement.GetProperty("cgroupLimitsAreSetBy").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task SizesThatNoCgroupTakes_AreRefused_AndNothingIsLeft()
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync(change: static c => c.Linux.Resources = new() { CpuQuota = 1, CpuPeriod = 100000 }));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains("resources and overhead", error.Status.Detail, StringComparison.Ordinal);
        var unknown = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync(change: static c => c.Linux.Resources = new() { CpusetCpus = "all" }));
        Assert.Equal(StatusCode.InvalidArgument, unknown.StatusCode);
    }

    private async Task<JsonDocument> InfoAsync(TestPod pod) =>
        JsonDocument.Parse((await suite.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true })).Info["info"]);
}

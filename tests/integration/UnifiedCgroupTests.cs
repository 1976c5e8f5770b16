using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What cgroup v2 has otherwise than v1, or v1 not at all. tests/node runs them, in a guest that has nothing else.</summary>
public sealed class UnifiedCgroupTests : IClassFixture<UnifiedPod>
{
    private const long MiB = 1024 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly Suite _suite;
    private readonly UnifiedPod _shared;

    public UnifiedCgroupTests(Suite suite, UnifiedPod shared)
    {
        Assert.SkipUnless(CgroupFile.Unified, "cgroup v2 is not all that this machine has; tests/node/run has a guest with nothing else");
        (_suite, _shared) = (suite, shared);
    }

    public static TheoryData<string> Handlers => ["runc", "crun"];

    [Theory, MemberData(nameof(Handlers))]
    public async Task Resources_AreInTheUnifiedFiles_ChangeWithAnUpdate_AndGoWithThePod(string handler)
    {
        var pod = await _suite.PodAsync(handler, UnifiedPod.OnTheNodesNetwork);
        string cgroup;
        await using (pod)
        {
            var container = Requests.Idle("limited");
            container.Linux.Resources = new()
            {
                MemoryLimitInBytes = 64 * MiB,
                MemorySwapLimitInBytes = 80 * MiB,
                CpuQuota = 20000,
                CpuPeriod = 100000,
                CpuShares = 512,
                CpusetCpus = "0",
                Unified = { ["memory.high"] = (48 * MiB).ToString(), ["pids.max"] = "77" },
            };
            var id = await pod.StartAsync(container);
            var path = TestCgroups.Container(pod.Config.Linux.CgroupParent, id);
            cgroup = CgroupFile.Folder(path);
            // crun has the process, and the limits, one level deeper in its scope.
            var own = CgroupFile.PathOf(await _suite.PidAsync(id), "memory");
            Assert.StartsWith(path, own, StringComparison.Ordinal);
            var limits = CgroupFile.Folder(own);
            Assert.Equal(
                [$"{64 * MiB}", $"{16 * MiB}", $"{48 * MiB}", "20000 100000", $"{CgroupFile.ExpectedShares(512)}", "0", "77"],
                Values(limits, "memory.max", "memory.swap.max", "memory.high", "cpu.max", "cpu.weight", "cpuset.cpus", "pids.max"));

            var stats = await Wait.ForAsync(() => StatsAsync(id), static s => s.Memory?.AvailableBytes is not null && s.Swap?.SwapAvailableBytes is not null, Limit);
            Assert.InRange((long)stats.Memory.AvailableBytes.Value, 48 * MiB, 64 * MiB);
            Assert.Equal(16 * MiB, (long)stats.Swap.SwapAvailableBytes.Value);

            await _suite.Client.Runtime.UpdateContainerResourcesAsync(new()
            {
                ContainerId = id,
                Linux = new() { MemoryLimitInBytes = 96 * MiB, MemorySwapLimitInBytes = 96 * MiB, CpuQuota = 40000, CpuPeriod = 100000, CpuShares = 1024, Unified = { ["memory.high"] = "max" } },
            });
            Assert.Equal(
                [$"{96 * MiB}", "0", "max", "40000 100000", $"{CgroupFile.ExpectedShares(1024)}"],
                Values(limits, "memory.max", "memory.swap.max", "memory.high", "cpu.max", "cpu.weight"));
            var unified = (await pod.StatusAsync(id)).Resources.Linux.Unified;
            Assert.Equal(("max", "77", "77"), (unified["memory.high"], unified["pids.max"], Values(limits, "pids.max")[0]));
        }

        await Wait.ForAsync(() => !Directory.Exists(cgroup) && !Directory.Exists(Path.GetDirectoryName(cgroup)), Limit);
        var units = await UnitsAsync();
        Assert.DoesNotContain(Path.GetFileName(cgroup), units, StringComparison.Ordinal);
        // No kubelet made the pod's slice, so none will end it.
        Assert.DoesNotContain(Path.GetFileName(pod.Config.Linux.CgroupParent), units, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OutOfMemory_AChildAlone_IsTheReasonEvenWhenTheScopeIsGone()
    {
        var container = Requests.Script("child", "dd if=/dev/zero of=/dev/null bs=64M count=1; kill -9 $$");
        container.Linux.Resources.MemoryLimitInBytes = 16 * MiB;
        var killed = await _shared.Pod.ExitedAsync((await _shared.StartAsync(container)).Id);
        Assert.Equal((137, "OOMKilled"), (killed.ExitCode, killed.Reason));

        // The pod's count of it is not held against the next.
        var (id, _) = await _shared.StartAsync(Requests.Script("deaf", "trap '' TERM; while :; do sleep 1; done"));
        await _suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 0 });
        var stopped = await _shared.Pod.StatusAsync(id);
        Assert.Equal((137, "Error"), (stopped.ExitCode, stopped.Reason));
    }

    [Fact]
    public async Task MemoryHigh_HoldsTheContainerBack_AndKillsNothing()
    {
        var container = Requests.Script("high", "dd if=/dev/zero of=/data bs=1M count=32 2>/dev/null && echo written; trap 'exit 0' TERM; while :; do sleep 3600 & wait; done");
        container.Linux.Resources.MemoryLimitInBytes = 64 * MiB;
        container.Linux.Resources.Unified["memory.high"] = (16 * MiB).ToString();
        var (id, cgroup) = await _shared.StartAsync(container);
        await Wait.ForAsync(() => _shared.Pod.Log("high.log").Count == 1, Limit);
        Assert.True(Field(cgroup, "memory.events", "high") > 0);
        Assert.Equal(0, Field(cgroup, "memory.events", "oom_kill"));
        Assert.InRange(long.Parse(Values(cgroup, "memory.current")[0]), 1, 24 * MiB);
        Assert.Equal(ContainerState.ContainerRunning, (await _shared.Pod.StatusAsync(id)).State);
    }

    [Fact]
    public async Task Swap_WhatTheLimitLeaves_IsUsedAndTold()
    {
        Assert.SkipUnless(File.ReadLines("/proc/swaps").Skip(1).Any(), "this machine has no swap");
        // It holds what it has read until somebody takes it, which nobody does.
        var container = Requests.Script("swap", "dd if=/dev/zero bs=40M count=1 2>/dev/null | sleep 3600");
        container.Linux.Resources.MemoryLimitInBytes = 24 * MiB;
        container.Linux.Resources.MemorySwapLimitInBytes = 88 * MiB;
        var (id, cgroup) = await _shared.StartAsync(container);
        Assert.Equal($"{64 * MiB}", Values(cgroup, "memory.swap.max")[0]);
        var stats = await Wait.ForAsync(() => StatsAsync(id), static s => s.Swap?.SwapUsageBytes?.Value > 8 * MiB, Limit);
        Assert.InRange((long)stats.Swap.SwapAvailableBytes.Value, 1, 64 * MiB);
        Assert.Equal(ContainerState.ContainerRunning, (await _shared.Pod.StatusAsync(id)).State);
    }

    [Fact]
    public async Task Pressure_OfAThrottledContainer_IsInItsStats()
    {
        Assert.SkipUnless(Directory.Exists("/proc/pressure"), "this kernel keeps no pressure stall information");
        var container = Requests.Script("busy", "while :; do :; done");
        container.Linux.Resources = new() { CpuQuota = 5000, CpuPeriod = 100000 };
        var (id, _) = await _shared.StartAsync(container);
        var stats = await Wait.ForAsync(() => StatsAsync(id), static s => s.Cpu?.Psi?.Some?.Total > 0, Limit);
        Assert.NotNull(stats.Memory.Psi.Full);
        Assert.NotNull(stats.Io.Psi.Some);
        var metrics = (await _suite.Client.Runtime.ListPodSandboxMetricsAsync(new())).PodMetrics.SelectMany(static p => p.ContainerMetrics).Single(c => c.ContainerId == id).Metrics;
        Assert.Contains(metrics, static m => m.Name == "container_pressure_cpu_waiting_seconds_total");
        await _suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 0 });
    }

    [Fact]
    public async Task Frozen_Container_CanBeStopped()
    {
        var (id, cgroup) = await _shared.StartAsync(Requests.Idle("frozen"));
        await File.WriteAllTextAsync($"{cgroup}/cgroup.freeze", "1");
        await Wait.ForAsync(() => Field(cgroup, "cgroup.events", "frozen") == 1, Limit);
        await _suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 1 });
        Assert.Equal((ContainerState.ContainerExited, 137), ((await _shared.Pod.StatusAsync(id)).State, (await _shared.Pod.StatusAsync(id)).ExitCode));
    }

    [Fact]
    public async Task Kill_OfAll_LeavesNoneThatForks()
    {
        // Those that the first one leaves fork on and on.
        var container = Requests.Script("forks", "for i in 1 2 3; do (trap '' TERM; while :; do sleep 0.4799; done) & done; trap 'exit 0' TERM; echo ready; wait");
        var (id, cgroup) = await _shared.StartAsync(container);
        Assert.True(File.Exists($"{cgroup}/cgroup.kill"));
        await Wait.ForAsync(() => _shared.Pod.Log("forks.log").Count == 1, Limit);
        await _suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal(0, (await _shared.Pod.StatusAsync(id)).ExitCode);
        await Wait.ForAsync(() => !Directory.Exists(cgroup) || Field(cgroup, "cgroup.events", "populated") == 0, Limit);
    }

    private async Task<ContainerStats> StatsAsync(string id) => (await _suite.Client.Runtime.ContainerStatsAsync(new() { ContainerId = id })).Stats;

    private static List<string> Values(string cgroup, params IEnumerable<string> files) => [.. files.Select(f => File.ReadAllText($"{cgroup}/{f}").Trim())];

    private static long Field(string cgroup, string file, string name) =>
        long.Parse(File.ReadLines($"{cgroup}/{file}").Select(static l => l.Split(' ')).Single(f => f[0] == name)[1]);

    // With systemd a container is a unit too.
    private static async Task<string> UnitsAsync() =>
        TestCgroups.Driver != Abstractions.CgroupDriver.Systemd ? ""
        : (await CommandRunner.RunAsync(new Command { Path = "systemctl", Arguments = ["list-units", "--all", "--plain", "--no-legend", "berth*"] }, null, 1 << 20, CancellationToken.None)).OutputText;
}

using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// The driver cgroupfs on cgroup v2, by a gateway of its own: where systemd rules the tree the suite's has that driver. One test
/// for all that it shows, for a gateway's start takes long where the processor is emulated.
/// </summary>
public sealed class CgroupfsDriverTests(Suite suite)
{
    private const long MiB = 1024 * 1024;
    private static readonly TimeSpan ReadyTime = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Cgroupfs_BesideSystemd_LimitsKillsAndRemoves()
    {
        Assert.SkipUnless(CgroupFile.Unified && TestCgroups.Driver == Abstractions.CgroupDriver.Systemd, "systemd with cgroup v2 alone is not what this machine has; tests/node/run has a guest with them");
        await using var gateway = await suite.OwnGatewayAsync(static settings => settings["gateway"]!["cgroupDriver"] = "cgroupfs");
        Assert.Equal(CgroupDriver.Cgroupfs, (await gateway.Client.Runtime.RuntimeConfigAsync(new())).Linux.CgroupDriver);
        foreach (var handler in (string[])["runc", "crun"])
        {
            await Wait.ForAsync(() => gateway.HandlerAsync(handler), static h => h.Ready, ReadyTime);
            var top = $"/berth-cgroupfs-{handler}";
            await using (var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, handler, p => Place(p, $"{top}/pod")))
            {
                await LimitsAsync(pod);
                await KillAsync(gateway, pod);
            }

            Assert.False(Directory.Exists(CgroupFile.Folder(top)));
        }
    }

    private static async Task LimitsAsync(TestPod pod)
    {
        var container = Requests.Script("limited", "dd if=/dev/zero of=/dev/null bs=64M count=1");
        container.Linux.Resources = new() { MemoryLimitInBytes = 24 * MiB, MemorySwapLimitInBytes = 24 * MiB, CpuQuota = 50000, CpuPeriod = 100000 };
        var id = await pod.CreateAsync(container);
        var cgroup = CgroupFile.Folder($"{pod.Config.Linux.CgroupParent}/{id}");
        string[] files = ["memory.max", "memory.swap.max", "cpu.max"];
        Assert.Equal([$"{24 * MiB}", "0", "50000 100000"], files.Select(f => File.ReadAllText($"{cgroup}/{f}").Trim()));

        var ended = await pod.StartedToEndAsync(id);
        Assert.Equal((137, "OOMKilled"), (ended.ExitCode, ended.Reason));
    }

    // Those that the first one leaves fork on and on.
    private static async Task KillAsync(Gateway gateway, TestPod pod)
    {
        var id = await pod.StartAsync(Requests.Script("forks", "for i in 1 2 3; do (while :; do sleep 0.4798; done) & done; trap '' TERM; echo ready; wait"));
        await Wait.ForAsync(() => pod.Log("forks.log").Count == 1, ReadyTime);
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 0 });
        Assert.Equal((137, "Error"), ((await pod.StatusAsync(id)).ExitCode, (await pod.StatusAsync(id)).Reason));
        var cgroup = CgroupFile.Folder($"{pod.Config.Linux.CgroupParent}/{id}");
        await Wait.ForAsync(() => !Directory.Exists(cgroup) || File.ReadAllText($"{cgroup}/cgroup.events").Contains("populated 0", StringComparison.Ordinal), ReadyTime);
    }

    private static void Place(PodSandboxConfig pod, string cgroup)
    {
        UnifiedPod.OnTheNodesNetwork(pod);
        pod.Linux.CgroupParent = cgroup;
    }
}

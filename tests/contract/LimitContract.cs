using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Limits hold, change, and are reported when the kernel enforces them; usage is known.</summary>
public sealed class LimitContract
{
    private const long Mebibyte = 1 << 20;

    // tail keeps what it is to print in memory.
    private const string Use40Mebibytes = "head -c 40m /dev/zero | tail -c 40m > /dev/null";

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exit_AfterTheKernelKilledForMemory_SaysSo(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("", Memory(16), ["tail", "-c", "200m", "/dev/zero"]);
        var exit = await (await turn.Pod.RunAsync(request)).Init.Exit.Soon();
        Assert.NotEqual(0, exit.Code);
        Assert.True(exit.OutOfMemory);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Update_OfTheMemoryLimit_IsInForce(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.LimitUpdates);
        var container = await turn.Pod.RunAsync($"until [ -e /go ]; do sleep 0.02; done; {Use40Mebibytes} && exit 30", Memory(16));
        await container.UpdateAsync(JsonSerializer.SerializeToElement(new { memory = new { limit = 96 * Mebibyte } }), CancellationToken.None);
        if (turn.Host.Features.HostProcesses)
        {
            Assert.Equal(96 * Mebibyte, MemoryLimit(turn, container));
        }

        Assert.Equal(0, (await turn.Pod.ExecAsync(container, "touch", "/go")).Code);
        Assert.Equal(30, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Limit_OfMemory_IsInTheCgroup(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.HostProcesses);
        Assert.Equal(64 * Mebibyte, MemoryLimit(turn, await turn.Pod.RunAsync("sleep 1000", Memory(64))));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Usage_OfARunningContainer_IsKnown(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.RunAsync("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000");
        if (turn.Host.Features.Stats == StatsSource.Cgroup)
        {
            // The gateway reads these files of the container and of the pod by itself; it needs nothing of the handler but the processes in them.
            foreach (var cgroup in (string[])[turn.Pod.CgroupOf(container.Id), turn.Pod.Cgroup.Path])
            {
                await Waiting.TrueAsync(() => MemoryUsage(turn, cgroup) > 0 && CpuUsage(turn, cgroup) > 0);
            }

            return;
        }

        foreach (var usage in (ResourceUsage[])[await container.StatsAsync(CancellationToken.None), await turn.Pod.Sandbox.StatsAsync(CancellationToken.None)])
        {
            Assert.True(usage.MemoryUsageBytes > 0);
            Assert.True(usage.CpuNanoseconds > 0);
        }
    }

    private static long MemoryUsage(PodTurn turn, string cgroup) => turn.Host.Cgroups.Layout.Find("memory") is { IsV2: false } v1
        ? long.Parse(File.ReadAllText(v1.Folder(cgroup) + "/memory.usage_in_bytes"))
        : long.Parse(File.ReadAllText(turn.Host.Cgroups.Layout.Unified!.Folder(cgroup) + "/memory.current"));

    private static long CpuUsage(PodTurn turn, string cgroup) => turn.Host.Cgroups.Layout.Find("cpuacct") is { IsV2: false } v1
        ? long.Parse(File.ReadAllText(v1.Folder(cgroup) + "/cpuacct.usage"))
        : long.Parse(File.ReadLines(turn.Host.Cgroups.Layout.Unified!.Folder(cgroup) + "/cpu.stat").Single(static l => l.StartsWith("usage_usec ", StringComparison.Ordinal)).Split(' ')[1]);

    private static JsonObject Memory(long mebibytes) => new() { ["memory"] = new JsonObject { ["limit"] = mebibytes * Mebibyte } };

    // The tightest between its first process and the cgroup that config.json names: crun has limits in a cgroup within the scope that systemd
    // makes, see run.oci.systemd.subgroup in crun(1).
    private static long MemoryLimit(PodTurn turn, IContainer container)
    {
        var (cgroups, named) = (turn.Host.Cgroups, turn.Pod.CgroupOf(container.Id));
        if (cgroups.Layout.Find("memory") is { IsV2: false } v1)
        {
            return long.Parse(File.ReadAllText(v1.Folder(named) + "/memory.limit_in_bytes"));
        }

        var limits = new List<string>();
        for (var path = cgroups.PathOf(container.Init.Pid, "memory")!; path.StartsWith(named, StringComparison.Ordinal); path = Path.GetDirectoryName(path)!)
        {
            limits.Add(File.ReadAllText(cgroups.Layout.Unified!.Folder(path) + "/memory.max").Trim());
        }

        return limits.Where(static l => l != "max").Min(long.Parse);
    }
}

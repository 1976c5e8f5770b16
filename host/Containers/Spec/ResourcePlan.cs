using System.Text.RegularExpressions;
using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Limits as the runtime takes them, for a new container and for an update.</summary>
public static partial class ResourcePlan
{
    /// <summary>What is not set is left out: an update then keeps it.</summary>
    public static OciResources Create(ContainerResources resources, HostFacts host)
    {
        RefuseNegative(resources);
        return new()
        {
            Cpu = Cpu(resources),
            Memory = Memory(resources, host),
            HugepageLimits = Hugepages(resources, host),
            Unified = Unified(resources, host),
        };
    }

    private static void RefuseNegative(ContainerResources resources)
    {
        if (resources.CpuPeriod < 0 || resources.CpuShares < 0 || resources.MemoryLimitBytes < 0)
        {
            throw RuntimeException.InvalidArgument(
                $"cpu_period {resources.CpuPeriod}, cpu_shares {resources.CpuShares} and memory_limit {resources.MemoryLimitBytes} must not be negative");
        }
    }

    private static OciCpu? Cpu(ContainerResources resources)
    {
        var cpu = new OciCpu
        {
            Shares = resources.CpuShares == 0 ? null : (ulong)resources.CpuShares,
            Period = resources.CpuPeriod == 0 ? null : (ulong)resources.CpuPeriod,
            Quota = resources.CpuQuota == 0 ? null : Math.Max(-1, resources.CpuQuota),
            Cpus = CpuList(resources.CpusetCpus, "cpuset_cpus"),
            Mems = CpuList(resources.CpusetMems, "cpuset_mems"),
        };
        return cpu == new OciCpu() ? null : cpu;
    }

    // Where nothing is said of swap, a limit on memory is a limit on both: a container must not escape it into swap.
    private static OciMemory? Memory(ContainerResources resources, HostFacts host)
    {
        var (limit, swap) = (resources.MemoryLimitBytes, resources.MemorySwapLimitBytes);
        if (limit > 0 && swap > 0 && swap < limit)
        {
            throw RuntimeException.InvalidArgument($"memory_swap_limit {swap} counts memory and swap together: it must be at least memory_limit {limit}");
        }

        if (!host.HasSwapController)
        {
            return swap > 0 && swap != limit
                ? throw RuntimeException.FailedPrecondition(
                    "a swap limit is asked for, but this kernel does not count swap; boot it with swapaccount=1, or leave the limit out")
                : limit == 0 ? null : new() { Limit = limit };
        }

        return (limit, swap) switch
        {
            (0, 0) => null,
            (0, > 0) => throw RuntimeException.InvalidArgument("memory_swap_limit needs a memory_limit"),
            (0, _) => new() { Swap = -1 },
            (_, 0) => new() { Limit = limit, Swap = limit },
            _ => new() { Limit = limit, Swap = Math.Max(-1, swap) },
        };
    }

    private static IReadOnlyList<OciHugepageLimit>? Hugepages(ContainerResources resources, HostFacts host)
    {
        if (resources.HugepageLimits.FirstOrDefault(static l => !PageSizePattern().IsMatch(l.PageSize)) is { } wrong)
        {
            throw RuntimeException.InvalidArgument($"\"{wrong.PageSize}\" is not a huge page size; write it like 2MB or 1GB");
        }

        // The kubelet sends a limit of 0 for every size there is, also to machines without the controller.
        if (!host.HasHugetlbController && resources.HugepageLimits.FirstOrDefault(static l => l.LimitBytes > 0) is { } limit)
        {
            throw RuntimeException.FailedPrecondition(
                $"{limit.LimitBytes} bytes of {limit.PageSize} pages are asked for, but this node has no hugetlb cgroup controller: choose a node that has it, or leave hugepage_limits out");
        }

        return host.HasHugetlbController && resources.HugepageLimits.Count > 0
            ? [.. resources.HugepageLimits.Select(static l => new OciHugepageLimit(l.PageSize, l.LimitBytes))]
            : null;
    }

    private static IReadOnlyDictionary<string, string>? Unified(ContainerResources resources, HostFacts host)
    {
        if (resources.Unified.Count == 0)
        {
            return null;
        }

        if (!host.CgroupV2)
        {
            throw RuntimeException.InvalidArgument("unified resources are cgroup v2 files, but this host has cgroup v1; use the fields instead");
        }

        // cgroup.* are the core's files: they move processes and switch controllers, and limit nothing.
        var bad = resources.Unified.Keys.FirstOrDefault(
            static key => !UnifiedKeyPattern().IsMatch(key) || key.StartsWith("cgroup.", StringComparison.Ordinal));
        return bad is not null
            ? throw RuntimeException.InvalidArgument($"\"{bad}\" is not a cgroup v2 file that limits; such as memory.high")
            : resources.Unified;
    }

    private static string? CpuList(string list, string what) =>
        list.Length == 0 ? null
        : CpuListPattern().IsMatch(list) ? list
        : throw RuntimeException.InvalidArgument($"{what} \"{list}\" is not a list such as 0-3,7");

    [GeneratedRegex(@"\A[1-9][0-9]{0,6}[KMG]B\z")]
    private static partial Regex PageSizePattern();

    [GeneratedRegex(@"\A[a-z0-9_]{1,64}(\.[a-zA-Z0-9_]{1,64}){1,4}\z")]
    private static partial Regex UnifiedKeyPattern();

    [GeneratedRegex(@"\A[0-9]{1,6}(-[0-9]{1,6})?(,[0-9]{1,6}(-[0-9]{1,6})?){0,4095}\z")]
    private static partial Regex CpuListPattern();
}

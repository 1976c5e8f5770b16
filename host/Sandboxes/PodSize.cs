using Berth.Abstractions;
using Berth.Containers;

namespace Berth.Sandboxes;

/// <summary>The pod's size in the contract's units.</summary>
internal static class PodSize
{
    public static PodResources Of(PodSandboxSpec spec) => new()
    {
        CpuMillis = CpuMillis(spec.Resources),
        MemoryBytes = spec.Resources?.MemoryLimitBytes ?? 0,
        OverheadCpuMillis = CpuMillis(spec.Overhead),
        OverheadMemoryBytes = spec.Overhead?.MemoryLimitBytes ?? 0,
    };

    public static long CpuMillis(ContainerResources? resources) =>
        resources is { CpuQuota: > 0, CpuPeriod: > 0 } ? resources.CpuQuota * 1000 / resources.CpuPeriod : 0;

    // The kubelet writes 1,024 shares for a processor, rounded down, and two where nothing is asked for.
    public static long CpuRequestMillis(ContainerResources? resources) =>
        resources is { CpuShares: > 2 } ? ((resources.CpuShares * 1000) + 1023) / 1024 : 0;
}

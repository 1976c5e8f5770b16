using System.Text.Json;
using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Limits, at creation and later.</summary>
internal static class ResourceTranslation
{
    private const long Unlimited = -1;

    public static void Apply(OciResources resources, HostConfig host)
    {
        Refuse(resources);
        var (memory, cpu) = (resources.Memory, resources.Cpu);
        host.Memory = memory.Limit is > 0 and var limit ? limit : 0;
        // Left out, the Engine would allow as much swap as memory.
        host.MemorySwap = memory.Swap ?? (host.Memory > 0 ? Unlimited : 0);
        host.MemoryReservation = memory.Reservation is > 0 and var reservation ? reservation : 0;
        host.MemorySwappiness = memory.Swappiness;
        host.OomKillDisable = memory.DisableOOMKiller;
        host.CPUShares = cpu.Shares ?? 0;
        host.CPUQuota = cpu.Quota is > 0 and var quota ? quota : 0;
        host.CPUPeriod = cpu.Period ?? 0;
        host.CpusetCpus = cpu.Cpus ?? "";
        host.CpusetMems = cpu.Mems ?? "";
        host.PidsLimit = resources.Pids.Limit is > 0 and var pids ? pids : null;
    }

    /// <summary>What changes; 0 and empty leave a limit as it is.</summary>
    public static ContainerUpdateParameters Update(JsonElement linuxResources)
    {
        OciResources resources;
        try
        {
            resources = linuxResources.Deserialize<OciResources>(DockerJson.Settings) ?? new();
        }
        catch (JsonException e)
        {
            throw RuntimeException.InvalidArgument($"the new limits are not understood: {e.Message}");
        }

        Refuse(resources);
        var memory = resources.Memory;
        return new()
        {
            Memory = memory.Limit ?? 0,
            MemorySwap = memory.Swap ?? (memory.Limit is null ? 0 : Unlimited),
            MemoryReservation = memory.Reservation ?? 0,
            CPUShares = resources.Cpu.Shares ?? 0,
            CPUQuota = resources.Cpu.Quota ?? 0,
            CPUPeriod = resources.Cpu.Period ?? 0,
            CpusetCpus = resources.Cpu.Cpus ?? "",
            CpusetMems = resources.Cpu.Mems ?? "",
            PidsLimit = resources.Pids.Limit,
        };
    }

    private static void Refuse(OciResources resources)
    {
        var named = resources switch
        {
            // The kubelet gives a limit of 0 for every page size that a pod does not ask for.
            _ when resources.HugepageLimits.Any(static l => l.Limit > 0) => "linux.resources.hugepageLimits",
            { Unified.Count: > 0 } => "linux.resources.unified",
            _ when Translation.IsGiven(resources.BlockIO) => "linux.resources.blockIO",
            _ when Translation.IsGiven(resources.Network) => "linux.resources.network",
            _ when Translation.IsGiven(resources.Rdma) => "linux.resources.rdma",
            _ => null,
        };
        if (named is not null)
        {
            throw Translation.Unsaid(named);
        }
    }
}

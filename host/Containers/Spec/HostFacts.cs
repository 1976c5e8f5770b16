using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>What this machine, and the place that the gateway runs in, allow a container to have. Read once at start.</summary>
public sealed record HostFacts
{
    /// <summary>The most that any container can have; ALL and privileged mean this.</summary>
    public required CapabilitySet BoundingSet { get; init; }

    /// <summary>The lowest oom_score_adj that the kernel lets us set.</summary>
    public required int OomScoreFloor { get; init; }

    public required bool CgroupV2 { get; init; }

    public required bool HasHugetlbController { get; init; }

    /// <summary>Whether the memory controller limits swap.</summary>
    public required bool HasSwapController { get; init; }

    public required bool HasAppArmor { get; init; }

    /// <summary>Null without SELinux.</summary>
    public SelinuxPolicy? Selinux { get; init; }

    /// <summary>As seccomp profiles name it (GOARCH).</summary>
    public required string Architecture { get; init; }

    public required Version KernelVersion { get; init; }

    /// <summary>Where resctrl is mounted, if the processor has RDT.</summary>
    public const string Resctrl = "/sys/fs/resctrl";

    /// <summary>Whether it is.</summary>
    public bool HasResctrl { get; init; }

    public static HostFacts Read()
    {
        var cgroups = CgroupControllers.Read("/sys/fs/cgroup");
        return new()
        {
            BoundingSet = CapabilitySet.OwnBoundingSet(),
            OomScoreFloor = OomScore.Floor(CapabilitySet.OwnEffectiveSet(), Kernel.OwnOomScoreAdjustment()),
            CgroupV2 = cgroups.IsV2,
            HasHugetlbController = cgroups.HasHugetlb,
            HasSwapController = cgroups.HasSwap,
            HasAppArmor = Kernel.HasAppArmor,
            Selinux = Kernel.HasSelinux ? SelinuxPolicy.Read("/etc/selinux") : null,
            Architecture = Kernel.Architecture,
            KernelVersion = Kernel.Version,
            HasResctrl = File.Exists(Path.Combine(Resctrl, "schemata")),
        };
    }
}

using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>oom_score_adj: without CAP_SYS_RESOURCE a process cannot lower its own, see proc_pid_oom_score_adj(5).</summary>
public static class OomScore
{
    public const int Lowest = -1000;

    public const int Highest = 1000;

    private static readonly CapabilitySet SysResource = CapabilitySet.TryParse("CAP_SYS_RESOURCE", out var set) ? set : CapabilitySet.Empty;

    /// <summary>The lowest value that whoever has this set and this value may give to a child.</summary>
    public static int Floor(CapabilitySet effective, int own) => effective.Contains(SysResource) ? Lowest : own;

    /// <summary>The asked value, raised to what the kernel allows.</summary>
    public static int Clamp(long asked, int floor) => (int)Math.Clamp(asked, floor, Highest);
}

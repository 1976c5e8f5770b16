using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Common;

/// <summary>Reads a pod's cgroup_parent: a kubelet with another driver than ours is refused, for two trees would rule one pod.</summary>
public static class CgroupParents
{
    /// <summary>The configured driver: <c>auto</c>, <c>cgroupfs</c> or <c>systemd</c>.</summary>
    public static CgroupDriver ParseDriver(string configured, CgroupLayout layout) => configured switch
    {
        "auto" => SystemdCgroups.RulesTheTree(layout) ? CgroupDriver.Systemd : CgroupDriver.Cgroupfs,
        "cgroupfs" => CgroupDriver.Cgroupfs,
        "systemd" => CgroupDriver.Systemd,
        _ => throw RuntimeException.InvalidArgument($"gateway.cgroupDriver '{configured}' is not known; known are auto, cgroupfs and systemd"),
    };

    /// <summary>The path beneath the root of each hierarchy; for a pod that names no parent, the gateway's own.</summary>
    public static string Resolve(CgroupDriver driver, string cgroupParent) =>
        driver == CgroupDriver.Systemd ? ResolveSlice(cgroupParent) : ResolvePath(cgroupParent);

    private static string ResolveSlice(string parent)
    {
        if (parent.Length == 0)
        {
            return "/system.slice";
        }

        try
        {
            // The kubelet sends the expanded path; its last part says all.
            return SystemdCgroups.ExpandSlice(parent[(parent.LastIndexOf('/') + 1)..]);
        }
        catch (FormatException e)
        {
            throw new RuntimeException(
                RuntimeErrorCode.InvalidArgument,
                $"cgroup_parent '{parent}' is no systemd slice, but the gateway's cgroup driver is systemd: set cgroupDriver: systemd in the kubelet, or gateway.cgroupDriver to cgroupfs here",
                e);
        }
    }

    private static string ResolvePath(string parent)
    {
        if (parent.EndsWith(".slice", StringComparison.Ordinal))
        {
            throw RuntimeException.InvalidArgument(
                $"cgroup_parent '{parent}' is a systemd slice, but the gateway's cgroup driver is cgroupfs: set cgroupDriver: cgroupfs in the kubelet, or gateway.cgroupDriver to systemd here");
        }

        var parts = parent.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Any(static p => p is "." or ".." || p.Length > 255 || p.Any(char.IsControl)) || parent.Length > 1024
            ? throw RuntimeException.InvalidArgument($"cgroup_parent '{parent}' must be a path without '.', '..' and control characters")
            : parts.Length == 0 ? "/berth" : "/" + string.Join('/', parts);
    }
}

using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>The cgroup driver of this run, and names as a kubelet with this driver gives them.</summary>
public static class TestCgroups
{
    private const string Slice = ".slice";

    /// <summary>What <c>BERTH_TEST_CGROUP_DRIVER</c> says, cgroupfs or systemd; without it the one that suits the machine.</summary>
    public static CgroupDriver Driver { get; } = Environment.GetEnvironmentVariable("BERTH_TEST_CGROUP_DRIVER") switch
    {
        null or "" => SystemdCgroups.RulesTheTree(CgroupLayout.Detect()) ? CgroupDriver.Systemd : CgroupDriver.Cgroupfs,
        var name => Enum.Parse<CgroupDriver>(name, ignoreCase: true),
    };

    /// <summary>A cgroup at the top of the tree: a slice with systemd.</summary>
    public static string Root(string name) => Driver == CgroupDriver.Systemd ? $"/{Part(name)}{Slice}" : $"/{name}";

    /// <summary>A pod's cgroup in one of these; the kubelet too gives a slice's whole path.</summary>
    public static string Pod(string root, string name) =>
        root.EndsWith(Slice, StringComparison.Ordinal) ? $"{root}{root[..^Slice.Length]}-{Part(name)}{Slice}" : $"{root}/{name}";

    /// <summary>A container's cgroup in the pod's.</summary>
    public static string Container(string pod, string id) => Driver == CgroupDriver.Systemd ? $"{pod}/berth-{id}.scope" : $"{pod}/{id}";

    /// <summary>The same in a bundle: slice:prefix:name with systemd.</summary>
    public static string InBundle(string pod, string id) => Driver == CgroupDriver.Systemd ? $"{Path.GetFileName(pod)}:berth:{id}" : Container(pod, id);

    /// <summary>Ends the slice of a root with all within, as a kubelet ends a pod's. On a machine without systemd there is none.</summary>
    public static async Task StopSliceAsync(string root)
    {
        if (Driver == CgroupDriver.Systemd)
        {
            await CommandRunner.RunAsync(new Command { Path = "systemctl", Arguments = ["stop", root.TrimStart('/')] }, null, 4096, CancellationToken.None);
        }
    }

    // A dash in a slice's name means a parent; see systemd.slice(5).
    private static string Part(string name) => name.Replace('-', '_');
}

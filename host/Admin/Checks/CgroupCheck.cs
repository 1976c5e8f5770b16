using Berth.Configuration;
using Berth.Linux;

namespace Berth.Admin.Checks;

/// <summary>The layout of cgroups and the driver.</summary>
public sealed class CgroupCheck(BerthOptions options) : IDoctorCheck
{
    private static readonly string[] Needed = ["cpu", "cpuset", "memory", "pids"];

    public string Subject => "cgroups";

    public IEnumerable<DoctorFinding> Examine() => [Layout(), Driver()];

    private DoctorFinding Layout()
    {
        var mounts = MountTable.Read();
        var unified = mounts.FirstOrDefault(static m => m.FileSystem == "cgroup2");
        var hierarchies = mounts.Where(static m => m.FileSystem == "cgroup").ToList();
        if (unified is null && hierarchies.Count == 0)
        {
            return DoctorFinding.Error(Subject, "no cgroup file system is mounted", "mount cgroup2 on /sys/fs/cgroup");
        }

        // The controllers of a v1 hierarchy are the names of its folder: cpu,cpuacct.
        var present = hierarchies.Count == 0
            ? File.ReadAllText(Path.Combine(unified!.MountPoint, "cgroup.controllers")).Split([' ', '\n'])
            : [.. hierarchies.SelectMany(static m => Path.GetFileName(m.MountPoint).Split(','))];
        var layout = hierarchies.Count == 0 ? "v2" : unified is null ? "v1" : "v1 with an empty v2 beside it (hybrid)";
        var missing = Needed.Except(present).ToList();
        return missing.Count > 0
            ? DoctorFinding.Error(Subject, $"layout {layout} lacks the controllers {string.Join(", ", missing)}", "enable them on the kernel's command line (cgroup_enable=)")
            : hierarchies.Count > 0 && unified is not null
                ? DoctorFinding.Warning(Subject, $"layout {layout}: some runtimes refuse it", "boot with systemd.unified_cgroup_hierarchy=1")
                : DoctorFinding.Ok(Subject, $"layout {layout}, controllers {string.Join(", ", Needed)}");
    }

    private DoctorFinding Driver()
    {
        // sd_booted(3): this folder is there exactly where systemd is the init.
        var systemd = Directory.Exists("/run/systemd/system");
        return options.Gateway.CgroupDriver == "systemd" && !systemd
            ? DoctorFinding.Error("cgroup driver", "it is systemd, and this machine's init is another", "set gateway.cgroupDriver to cgroupfs or auto, and the kubelet's cgroupDriver too")
            : DoctorFinding.Ok("cgroup driver", $"{options.Gateway.CgroupDriver}, {(systemd ? "systemd runs here" : "no systemd here")}; the kubelet's has to be the same");
    }
}

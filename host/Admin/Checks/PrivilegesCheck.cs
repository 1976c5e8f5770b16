using System.Globalization;
using Berth.Configuration;
using Berth.Linux;

namespace Berth.Admin.Checks;

/// <summary>What the kernel lets this gateway do, and the seccomp profile.</summary>
public sealed class PrivilegesCheck(BerthOptions options) : IDoctorCheck
{
    // linux/capability.h
    private const int CapSysAdmin = 21, CapSysResource = 24;
    private const string OomPath = "/proc/self/oom_score_adj";

    public string Subject => "privileges";

    public IEnumerable<DoctorFinding> Examine() => [Admin(), Resource(), Descriptors(), Oom(), Seccomp(), Kernel()];

    private static DoctorFinding Admin() => HasCapability(CapSysAdmin)
        ? DoctorFinding.Ok("CAP_SYS_ADMIN", "held")
        : DoctorFinding.Error("CAP_SYS_ADMIN", "missing: no namespace or mount can be made", "run the gateway as root");

    private static DoctorFinding Resource() => HasCapability(CapSysResource)
        ? DoctorFinding.Ok("CAP_SYS_RESOURCE", "held")
        : DoctorFinding.Warning("CAP_SYS_RESOURCE", "missing: containers that add it, or raise hard rlimits, are refused", "run the gateway with the capability");

    // Some 250 pods, with what StarvationWatch allows for each.
    private static DoctorFinding Descriptors() => OwnUsage.DescriptorLimit is var limit && limit >= 1 << 14
        ? DoctorFinding.Ok("RLIMIT_NOFILE", $"{limit} descriptors")
        : DoctorFinding.Warning("RLIMIT_NOFILE", $"only {limit} descriptors: many pods and streams may need them all", "start the gateway with more (LimitNOFILE=1048576)");

    // Lowered by one and set back: raising needs no privilege; see proc_pid_oom_score_adj(5).
    private static DoctorFinding Oom()
    {
        var before = int.Parse(File.ReadAllText(OomPath), CultureInfo.InvariantCulture);
        if (before == -1000)
        {
            return DoctorFinding.Ok("oom_score_adj", "is at its lowest, -1000");
        }

        try
        {
            File.WriteAllText(OomPath, (before - 1).ToString(CultureInfo.InvariantCulture));
            File.WriteAllText(OomPath, before.ToString(CultureInfo.InvariantCulture));
            return DoctorFinding.Ok("oom_score_adj", "can be lowered");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return DoctorFinding.Warning(
                "oom_score_adj", $"cannot be lowered: values below {before} are raised to it", "give the gateway CAP_SYS_RESOURCE, or start it with a lower value (OOMScoreAdjust=-999)");
        }
    }

    private DoctorFinding Seccomp()
    {
        var path = options.Security.SeccompProfile;
        return !File.Exists("/proc/sys/kernel/seccomp/actions_avail")
            ? DoctorFinding.Error("seccomp", "the kernel has no seccomp filters: pods that ask for a profile are refused", "use a kernel with CONFIG_SECCOMP_FILTER")
            : File.Exists(path)
                ? DoctorFinding.Ok("seccomp", $"profile {path}")
                : DoctorFinding.Error("seccomp", $"the profile {path} is missing: pods that ask for RuntimeDefault are refused", "install golang-github-containers-common, or set security.seccompProfile");
    }

    private static DoctorFinding Kernel()
    {
        string[] namespaces = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
        var missing = namespaces.Where(static n => !File.Exists($"/proc/self/ns/{n}")).ToList();
        var release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        // openat2(2) came with 5.6; close_range(2) with CLOSE_RANGE_CLOEXEC with 5.11.
        return missing.Count > 0
            ? DoctorFinding.Error("kernel", $"{release} lacks the namespaces {string.Join(", ", missing)}", "use a kernel that has them")
            : Environment.OSVersion.Version < new Version(5, 11)
                ? DoctorFinding.Error("kernel", $"{release} is older than 5.11", "use a newer kernel")
                : DoctorFinding.Ok("kernel", release);
    }

    private static bool HasCapability(int capability)
    {
        const string Prefix = "CapEff:\t";
        var line = File.ReadLines("/proc/self/status").First(static l => l.StartsWith(Prefix, StringComparison.Ordinal));
        return (ulong.Parse(line[Prefix.Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> capability & 1) == 1;
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using Processor = System.Runtime.InteropServices.Architecture;

namespace Berth.Linux;

/// <summary>What the running kernel is and has.</summary>
public static class Kernel
{
    /// <summary>Such as 6.1.0.</summary>
    public static Version Version => Environment.OSVersion.Version;

    /// <summary>Such as 6.1.0-28-amd64, see uname(2).</summary>
    public static string Release => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    /// <summary>Whether AppArmor profiles are enforced.</summary>
    public static bool HasAppArmor =>
        File.Exists("/sys/module/apparmor/parameters/enabled") && File.ReadAllText("/sys/module/apparmor/parameters/enabled").StartsWith('Y');

    /// <summary>Whether a SELinux policy is loaded.</summary>
    public static bool HasSelinux => File.Exists("/sys/fs/selinux/enforce");

    /// <summary>Whether processes can have SCTP sockets; asking loads the module where there is one, see socket(2).</summary>
    public static bool HasSctp
    {
        get
        {
            var socket = Libc.socket(Libc.AF_INET, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, Libc.IPPROTO_SCTP);
            if (socket < 0)
            {
                return false;
            }

            new SafeFd(socket).Dispose();
            return true;
        }
    }

    /// <summary>The machine's architecture as images and seccomp profiles name it (GOARCH).</summary>
    public static string Architecture => RuntimeInformation.OSArchitecture switch
    {
        Processor.X64 => "amd64",
        Processor.Arm64 => "arm64",
        Processor.Arm or Processor.Armv6 => "arm",
        Processor.X86 => "386",
        Processor.S390x => "s390x",
        Processor.Ppc64le => "ppc64le",
        Processor.RiscV64 => "riscv64",
        Processor.LoongArch64 => "loong64",
        var other => other.ToString().ToUpperInvariant(),
    };

    /// <summary>Whether a profile is loaded; see apparmor(7).</summary>
    public static bool HasAppArmorProfile(string name)
    {
        const string Profiles = "/sys/kernel/security/apparmor/profiles";
        return File.Exists(Profiles)
            && File.ReadLines(Profiles).Any(line => line.Length > name.Length + 1
                && line.StartsWith(name, StringComparison.Ordinal) && line.AsSpan(name.Length).StartsWith(" ("));
    }

    /// <summary>The OOM score adjustment of this process, see proc_pid_oom_score_adj(5).</summary>
    public static int OwnOomScoreAdjustment() => int.Parse(File.ReadAllText("/proc/self/oom_score_adj"), CultureInfo.InvariantCulture);
}

using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>All that the config.json of a sandbox's own bundle is made from.</summary>
public sealed record SandboxSpecInput
{
    /// <summary>An empty folder.</summary>
    public required string RootfsPath { get; init; }

    /// <summary>The pod's namespaces by OCI type; one that is missing is the host's.</summary>
    public required IReadOnlyDictionary<string, string> NamespacePaths { get; init; }

    /// <summary>The pod's user namespace, if it has one of its own.</summary>
    public UserNamespaceSpec? Users { get; init; }

    /// <summary>As the runtime takes it.</summary>
    public required string CgroupsPath { get; init; }

    /// <summary>See <see cref="HandlerCheck.OciVersion"/>.</summary>
    public required string OciVersion { get; init; }

    /// <summary>The profile that the sandbox asks for.</summary>
    public SecurityProfile? Seccomp { get; init; }

    /// <summary>Annotations for the runtime.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
}

/// <summary>
/// Makes the config.json of a sandbox's own bundle: an init that waits and reaps, and holds the PID namespace that the pod's
/// containers share. It has no file system to speak of, no capabilities, and a user of its own.
/// </summary>
public sealed class SandboxSpecBuilder(HostFacts host, SeccompProfiles seccomp)
{
    private const string InitPath = "/init";

    // Beyond the ids that images use, as other runtimes' pause images have it.
    private const uint InitUser = 65535;

    // Killed last: with it goes the whole pod.
    private const int OomScoreAdj = -998;

    // Room for the threads of the runtime's own start.
    private const long MaxProcesses = 64;

    private static readonly IReadOnlyList<string> HiddenPaths =
        ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi", "/proc/timer_list", "/sys/firmware"];

    private readonly string? _init = Executable.Find("catatonit");

    public OciSpec Build(SandboxSpecInput input)
    {
        var init = _init ?? throw RuntimeException.FailedPrecondition(
            "catatonit, the init of pods that share a PID namespace, is not on this machine; install the Debian package catatonit");
        return new()
        {
            OciVersion = input.OciVersion,
            Process = new()
            {
                User = new() { Uid = InitUser, Gid = InitUser, AdditionalGids = [InitUser] },
                Args = [InitPath, "-P"],
                Env = ["PATH=/"],
                Cwd = "/",
                Capabilities = new(),
                NoNewPrivileges = true,
                OomScoreAdj = OomScore.Clamp(OomScoreAdj, host.OomScoreFloor),
            },
            Root = new(input.RootfsPath, Readonly: true),
            Mounts =
            [
                new("/proc", "proc", "proc", ["nosuid", "noexec", "nodev", "ro"]),
                new("/dev", "tmpfs", "tmpfs", ["nosuid", "noexec", "strictatime", "mode=755", "size=64k"]),
                new(InitPath, "bind", init, ["bind", "rprivate", "ro", "nosuid", "nodev"]),
            ],
            Annotations = RuntimeAnnotations.Check(input.Annotations),
            Linux = new()
            {
                Namespaces =
                [
                    new("pid"),
                    new("mount"),
                    .. input.NamespacePaths.Where(static n => n.Key != "pid").Select(static n => new OciNamespace(n.Key, n.Value)),
                    .. host.CgroupV2 ? (OciNamespace[])[new("cgroup")] : [],
                ],
                UidMappings = OciIdMapping.Of(input.Users?.Uids),
                GidMappings = OciIdMapping.Of(input.Users?.Gids),
                CgroupsPath = input.CgroupsPath,
                Resources = new() { Devices = [new(false, "rwm")], Cpu = new() { Shares = 2 }, Pids = new(MaxProcesses) },
                Seccomp = seccomp.Find(input.Seccomp, CapabilitySet.Empty),
                MaskedPaths = HiddenPaths,
            },
        };
    }
}

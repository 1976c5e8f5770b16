using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>The command line of stage 1: systemd-nspawn(1) on a machine whose PID 1 need not be systemd.</summary>
internal static class MachineCommand
{
    /// <summary>Relative to the machine's root; written when its first process runs.</summary>
    private const string ReadyFile = "/rkt/ready";

    // What the host's own tree is, so that its programs find their libraries.
    private static readonly string[] Links = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
    private static readonly string[] Folders = ["usr", "proc", "sys", "dev", "run", "tmp", "etc", "var", "opt/stage2", "rkt/status", "rkt/run"];

    /// <summary>Makes the root: empty folders, for the host's /usr comes by a mount.</summary>
    public static void MakeRoot(PodFolder pod)
    {
        foreach (var folder in Folders)
        {
            Directory.CreateDirectory(Path.Combine(pod.Rootfs, folder));
        }

        foreach (var link in Links)
        {
            var path = Path.Combine(pod.Rootfs, link);
            if (new FileInfo("/" + link).LinkTarget is { } target && !File.Exists(path) && new FileInfo(path).LinkTarget is null)
            {
                File.CreateSymbolicLink(path, target);
            }
        }
    }

    /// <summary>The command.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="namespaces">Paths by type of what the gateway made; a type that is missing stays the host's.</param>
    /// <param name="programs">The programs.</param>
    public static Command Of(PodFolder pod, IReadOnlyDictionary<string, string> namespaces, Programs programs)
    {
        List<string> nspawn =
        [
            .. Nspawn(pod, programs),
            .. namespaces.TryGetValue("network", out var network) ? (string[])[$"--network-namespace-path={network}"] : [],
            .. Powerless(programs),
            "/bin/sh", "-c", $"echo >{ReadyFile} && exec \"$0\" -P", programs.Init,
        ];
        // nspawn can join a network namespace by path, but no other; it is told to keep those that it is started in.
        string[] join = [.. Joined(namespaces, "ipc"), .. Joined(namespaces, "uts")];
        List<string> command = join.Length == 0 ? nspawn : [programs.Nsenter, .. join, "--", .. nspawn];
        return Command(command);
    }

    /// <summary>A machine that is over at once.</summary>
    public static Command Trial(PodFolder pod, Programs programs) => Command([.. Nspawn(pod, programs), .. Powerless(programs), "/bin/sh", "-c", "exit 0"]);

    // nspawn's death takes the machine along, and with PID 1 of the namespace all that is in it. That PID 1 only waits; where
    // apps see it, they must not find a process there that can do more than they.
    private static string[] Powerless(Programs programs) =>
        [programs.Setpriv, "--pdeathsig", "KILL", "--inh-caps", "-all", "--ambient-caps", "-all", "--bounding-set", "-all", "--no-new-privs", "--"];

    private static string[] Nspawn(PodFolder pod, Programs programs) =>
    [
        programs.Nspawn, "--register=no", "--keep-unit", "--quiet", "--console=pipe",
        $"--machine={pod.MachineName}", $"--uuid={pod.Uuid}", $"--directory={pod.Rootfs}", "--bind-ro=/usr",
        "--resolv-conf=off", "--timezone=off", "--link-journal=no",
    ];

    private static Command Command(List<string> command) =>
        new()
        {
            Path = command[0],
            Arguments = command[1..],
            Environment = new Dictionary<string, string>
            {
                ["SYSTEMD_NSPAWN_SHARE_NS_IPC"] = "1",
                ["SYSTEMD_NSPAWN_SHARE_NS_UTS"] = "1",
                ["SYSTEMD_NSPAWN_USE_CGNS"] = "0",
                // Nothing in stage 1 looks at cgroups; v1 would have it mount hierarchies that may not be there.
                ["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1",
                // The pod's own lock does that.
                ["SYSTEMD_NSPAWN_LOCK"] = "0",
                ["SYSTEMD_NSPAWN_CONTAINER_SERVICE"] = "rkt",
            },
        };

    private static IEnumerable<string> Joined(IReadOnlyDictionary<string, string> namespaces, string type) =>
        namespaces.TryGetValue(type, out var path) ? [$"--{type}={path}"] : [];
}

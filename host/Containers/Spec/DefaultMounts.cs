namespace Berth.Containers.Spec;

/// <summary>What every container has mounted unless the request mounts something else in its place.</summary>
internal static class DefaultMounts
{
    // The group tty has this number on every distribution; grantpt(3) expects it.
    private const string TerminalGroup = "gid=5";

    internal static IReadOnlyList<OciMount> Create(SpecInput input)
    {
        var security = input.Container.Security;
        var access = security.Privileged ? "rw" : "ro";
        var fileAccess = security.ReadOnlyRootfs ? "ro" : "rw";
        return
        [
            new("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            new("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            new("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", TerminalGroup]),
            new("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            SharedMemory(input),
            new("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", access]),
            new("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", access]),
            .. PodFile("/etc/hosts", input.Files.Hosts, fileAccess),
            .. PodFile("/etc/hostname", input.Files.Hostname, fileAccess),
            .. PodFile("/etc/resolv.conf", input.Files.ResolvConf, fileAccess),
        ];
    }

    private static OciMount SharedMemory(SpecInput input)
    {
        var source = input.Files.Shm ?? (input.SandboxNamespaces.Ipc == NamespaceMode.Node ? "/dev/shm" : null);
        return source is null
            ? new("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"])
            : new("/dev/shm", "bind", source, ["rbind", "rprivate", "rw"]);
    }

    private static IEnumerable<OciMount> PodFile(string destination, string? source, string access) =>
        source is null ? [] : [new(destination, "bind", source, ["rbind", "rprivate", access])];
}

using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>What process 1 does before anything else: the agent is the initramfs's /init.</summary>
internal static unsafe class Boot
{
    private const int PortPolls = 1000, PortPollMilliseconds = 10;

    /// <summary>Prepares the guest; returns the device of the port to the host.</summary>
    public static string Run()
    {
        _ = Libc.umask(0x12);
        _ = Libc.signal(Libc.SIGPIPE, Libc.SIG_IGN);
        MoveRoot();
        Mount("proc", "/proc", "proc", Libc.MS_NOSUID | Libc.MS_NODEV | Libc.MS_NOEXEC, null);
        Mount("sysfs", "/sys", "sysfs", Libc.MS_NOSUID | Libc.MS_NODEV | Libc.MS_NOEXEC, null);
        Mount("dev", "/dev", "devtmpfs", Libc.MS_NOSUID, "mode=755");
        OpenStandard();
        LoadModules();
        Mount("devpts", "/dev/pts", "devpts", Libc.MS_NOSUID | Libc.MS_NOEXEC, "mode=620,ptmxmode=666,gid=5");
        Mount("run", "/run", "tmpfs", Libc.MS_NOSUID | Libc.MS_NODEV, "mode=755");
        Mount("tmp", "/tmp", "tmpfs", Libc.MS_NOSUID | Libc.MS_NODEV, "mode=1777");
        Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", Libc.MS_NOSUID | Libc.MS_NODEV | Libc.MS_NOEXEC, "memory_recursiveprot");
        EnableControllers();
        Directory.CreateDirectory(GuestPaths.Containers);
        Directory.CreateDirectory(GuestPaths.Shares);
        Directory.CreateDirectory(GuestPaths.SharedMemory);
        Mount("shm", GuestPaths.SharedMemory, "tmpfs", Libc.MS_NOSUID | Libc.MS_NODEV | Libc.MS_NOEXEC, "mode=1777,size=64m");
        LoopbackUp();
        return FindPort();
    }

    // pivot_root(2) refuses the initramfs itself, and the runtime uses it for its containers: a bind mount of it will do.
    private static void MoveRoot()
    {
        AgentException.Check(Libc.mount("/", "/root", null, Libc.MS_BIND, null), "mount", "/root");
        AgentException.Check(Libc.chdir("/root"), "chdir", "/root");
        AgentException.Check(Libc.mount(".", "/", null, Libc.MS_MOVE, null), "mount", "/");
        AgentException.Check(Libc.chroot("."), "chroot", "/");
        AgentException.Check(Libc.chdir("/"), "chdir", "/");
    }

    private static void Mount(string source, string target, string type, ulong flags, string? data)
    {
        Directory.CreateDirectory(target);
        Disks.Mount(source, target, type, flags, data);
    }

    // So that no descriptor of the agent's ever is 0, 1 or 2, and last words go to the console.
    private static void OpenStandard()
    {
        int fd;
        do
        {
            fd = AgentException.Check(Libc.open("/dev/console", Libc.O_RDWR | Libc.O_NOCTTY), "open", "/dev/console");
        }
        while (fd < 2);
        if (fd > 2)
        {
            _ = Libc.close(fd);
        }
    }

    // The list is in the order of their dependencies.
    private static void LoadModules()
    {
        foreach (var module in File.ReadAllLines("/lib/modules/list"))
        {
            var path = $"/lib/modules/{module}";
            var fd = AgentException.Check(Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC), "open", path);
            fixed (byte* none = "\0"u8)
            {
                var result = Libc.syscall(Libc.SYS_finit_module, fd, (long)none, 0);
                _ = Libc.close(fd);
                AgentException.Check((int)result, "finit_module", path);
            }

            // Its memory is the pod's from here on.
            File.Delete(path);
        }
    }

    private static void EnableControllers()
    {
        var available = File.ReadAllText("/sys/fs/cgroup/cgroup.controllers").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        File.WriteAllText("/sys/fs/cgroup/cgroup.subtree_control", string.Join(' ', available.Intersect(["cpu", "cpuset", "io", "memory", "pids"]).Select(static c => "+" + c)));
    }

    private static void LoopbackUp()
    {
        // struct ifreq: 16 bytes of name, then the flags: IFF_UP.
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(request, 16));
        *(short*)(request + 16) = 1;
        var socket = AgentException.Check(Libc.socket(Libc.AF_INET, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0), "socket", "");
        AgentException.Check(Libc.ioctl(socket, Libc.SIOCSIFFLAGS, request), "ioctl SIOCSIFFLAGS", "lo");
        _ = Libc.close(socket);
    }

    // The port's name comes by a message from the device, a moment after the driver.
    private static string FindPort()
    {
        const string Ports = "/sys/class/virtio-ports";
        for (var i = 0; i < PortPolls; i++)
        {
            var found = !Directory.Exists(Ports) ? null : Directory.EnumerateDirectories(Ports).FirstOrDefault(static d =>
                File.Exists(Path.Combine(d, "name")) && File.ReadAllText(Path.Combine(d, "name")).Trim() == ProtocolFacts.Port);
            if (found is not null && File.Exists($"/dev/{Path.GetFileName(found)}"))
            {
                return $"/dev/{Path.GetFileName(found)}";
            }

            _ = Libc.poll(null, 0, PortPollMilliseconds);
        }

        throw AgentException.NotFound($"there is no virtio-serial port {ProtocolFacts.Port}");
    }
}

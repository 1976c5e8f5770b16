using System.Globalization;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Shares and disks.</summary>
internal static class Disks
{
    // A disk is plugged in by the host just before it asks for it.
    private const int DiskPolls = 200, DiskPollMilliseconds = 50;

    /// <summary>Mounts a virtiofs share.</summary>
    public static void Mount(MountShare request)
    {
        Container.Check(request.Tag);
        var target = GuestPaths.Share(request.Tag);
        if (!IsMounted(target))
        {
            Directory.CreateDirectory(target);
            Mount(request.Tag, target, "virtiofs", 0, null);
        }
    }

    /// <summary>Mounts a container's root: the disk below, a writable layer above.</summary>
    public static async Task MountAsync(EventLoop loop, Container container, MountDisk request)
    {
        var rootfs = GuestPaths.Rootfs(container.Id);
        if (IsMounted(rootfs))
        {
            return;
        }

        if (request.FileSystem is not ("erofs" or "ext4"))
        {
            throw AgentException.Invalid($"the file system '{request.FileSystem}' is not erofs or ext4");
        }

        var lower = Make(container.Folder, "lower");
        var top = Make(container.Folder, "top");
        if (!IsMounted(lower))
        {
            Mount(await FindAsync(loop, request.Serial).ConfigureAwait(false), lower, request.FileSystem, Libc.MS_RDONLY, null);
        }

        if (!IsMounted(top))
        {
            if (request.WritableSerial is { } serial)
            {
                Mount(await FindAsync(loop, serial).ConfigureAwait(false), top, "ext4", 0, null);
            }
            else
            {
                var size = request.WritableBytes > 0 ? request.WritableBytes.ToString(CultureInfo.InvariantCulture) : "50%";
                Mount("writable", top, "tmpfs", 0, $"mode=755,size={size}");
            }
        }

        Directory.CreateDirectory(rootfs);
        Mount("root", rootfs, "overlay", 0, $"lowerdir={lower},upperdir={Make(top, "upper")},workdir={Make(top, "work")}");
    }

    /// <summary>Bytes and inodes that a container wrote into its own layer.</summary>
    public static unsafe (long Bytes, long Inodes) Written(string folder)
    {
        var top = Path.Combine(folder, "top");
        // struct statvfs: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, all of 8 bytes.
        var buffer = stackalloc long[32];
        return IsMounted(top) && Libc.statvfs(top, buffer) == 0 ? ((buffer[2] - buffer[3]) * buffer[1], buffer[5] - buffer[6]) : (0, 0);
    }

    /// <summary>Unmounts all beneath a folder, the newest first.</summary>
    public static void Unmount(string folder)
    {
        foreach (var target in MountPoints().Where(p => p.StartsWith(folder + "/", StringComparison.Ordinal)).Reverse())
        {
            AgentException.Check(Libc.umount2(target, Libc.MNT_DETACH), "umount2", target);
        }
    }

    public static void Mount(string source, string target, string type, ulong flags, string? data) =>
        AgentException.Check(Libc.mount(source, target, type, flags, data), $"mount {type}", target);

    // The paths are the agent's own: none needs the escapes of proc_pid_mountinfo(5).
    private static IEnumerable<string> MountPoints() => File.ReadAllLines("/proc/self/mountinfo").Select(static l => l.Split(' ')[4]);

    private static bool IsMounted(string target) => MountPoints().Contains(target);

    private static string Make(string folder, string name) => Directory.CreateDirectory(Path.Combine(folder, name)).FullName;

    private static async Task<string> FindAsync(EventLoop loop, string serial)
    {
        for (var i = 0; i < DiskPolls; i++)
        {
            var found = Directory.EnumerateDirectories("/sys/block").FirstOrDefault(d => Serial(d) == serial);
            if (found is not null && Opens($"/dev/{Path.GetFileName(found)}"))
            {
                return $"/dev/{Path.GetFileName(found)}";
            }

            await loop.Delay(DiskPollMilliseconds).ConfigureAwait(false);
        }

        throw AgentException.NotFound($"no disk has the serial '{serial}'");
    }

    // The kernel shows a new disk a moment before it can be opened; a mount would fail with ENXIO.
    private static bool Opens(string device)
    {
        var fd = Libc.open(device, Libc.O_RDONLY | Libc.O_CLOEXEC);
        Descriptors.Close(fd);
        return fd >= 0;
    }

    private static string? Serial(string device)
    {
        var file = Path.Combine(device, "serial");
        return File.Exists(file) ? File.ReadAllText(file).Trim('\0', '\n', ' ') : null;
    }
}

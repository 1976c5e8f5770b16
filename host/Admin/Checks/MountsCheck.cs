using Berth.Configuration;
using Berth.Linux;

namespace Berth.Admin.Checks;

/// <summary>Mount propagation, and the file system for images.</summary>
public sealed class MountsCheck(BerthOptions options) : IDoctorCheck
{
    private const long LowBytes = 2L << 30;

    public string Subject => "mounts";

    public IEnumerable<DoctorFinding> Examine() => [Propagation(), Overlay(), Space()];

    private static DoctorFinding Propagation() => MountTable.Containing("/") is { IsShared: true }
        ? DoctorFinding.Ok("mount propagation", "/ is shared")
        : DoctorFinding.Warning("mount propagation", "/ is not shared: volumes with mountPropagation do not propagate", "mount --make-rshared /");

    private DoctorFinding Overlay()
    {
        const string Subject = "overlayfs";
        if (!File.ReadLines("/proc/filesystems").Any(static l => l.EndsWith("\toverlay", StringComparison.Ordinal)))
        {
            return DoctorFinding.Error(Subject, "the kernel does not offer it: no container can be created", "modprobe overlay");
        }

        // An overlay's upper folder cannot lie on these; see "Upper filesystem" in the kernel's overlayfs.rst.
        var mount = MountTable.Containing(options.Gateway.Root);
        return mount?.FileSystem is "overlay" or "nfs" or "nfs4" or "vfat" or "fuse"
            ? DoctorFinding.Error(Subject, $"gateway.root {options.Gateway.Root} lies on {mount.FileSystem}, which cannot hold writable layers", "put gateway.root on ext4 or xfs")
            : DoctorFinding.Ok(Subject, $"offered; gateway.root lies on {mount?.FileSystem ?? "an unknown file system"}");
    }

    private DoctorFinding Space()
    {
        var drive = new DriveInfo(options.Gateway.Root);
        var percent = drive.TotalSize == 0 ? 0 : 100 * drive.AvailableFreeSpace / drive.TotalSize;
        var message = $"{drive.AvailableFreeSpace >> 20} MiB free ({percent} %) at {options.Gateway.Root}";
        return drive.AvailableFreeSpace < LowBytes || percent < 10
            ? DoctorFinding.Warning("disk", message, "remove images that are not used, or give gateway.root more room")
            : DoctorFinding.Ok("disk", message);
    }
}

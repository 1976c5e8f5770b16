namespace Berth.Guest.Protocol;

/// <summary>Where things are in the guest, for config.json. Ids are letters, digits, '.', '_' and '-'.</summary>
public static class GuestPaths
{
    /// <summary>Beneath it the shares, by tag.</summary>
    public const string Shares = "/run/berth/shares";

    /// <summary>The pod's shared memory, a tmpfs that is there from the start.</summary>
    public const string SharedMemory = "/run/berth/shm";

    /// <summary>Beneath it the containers' folders.</summary>
    public const string Containers = "/run/berth/containers";

    /// <summary>A share, once <see cref="MountShare"/> succeeded.</summary>
    public static string Share(string tag) => $"{Shares}/{tag}";

    /// <summary>The root of a container whose disk was mounted by <see cref="MountDisk"/>.</summary>
    public static string Rootfs(string containerId) => $"{Containers}/{containerId}/rootfs";

    /// <summary>The folder that is made with <see cref="WriteFiles"/>.</summary>
    public static string Files(string containerId) => $"{Containers}/{containerId}/files";

    /// <summary>A container's cgroup, for <c>linux.cgroupsPath</c>.</summary>
    public static string Cgroup(string containerId) => $"/berth/{containerId}";
}

using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>What a container's files are in the guest.</summary>
internal sealed record GuestFiles
{
    /// <summary>The root file system's path.</summary>
    public required string Rootfs { get; init; }

    /// <summary>Where the mounts from the host are, by their place in config.json.</summary>
    public required IReadOnlyDictionary<int, IReadOnlyList<GuestSource>> Sources { get; init; }
}

/// <summary>A file or folder in the guest that stands for a mount from the host, or for a part of it.</summary>
/// <param name="SubPath">Beneath the mount's destination; empty for the whole.</param>
/// <param name="Path">In the guest.</param>
internal sealed record GuestSource(string SubPath, string Path);

/// <summary>How a container's files come into the VM: the one thing in which the plugins differ.</summary>
internal interface IRootfsSupply
{
    /// <summary>The form of root file system that it takes.</summary>
    RootfsForm Form { get; }

    /// <summary>Whether a file server runs beside the VM.</summary>
    bool SharesFolders { get; }

    /// <summary>Refuses mounts that can never work, before anything is made.</summary>
    void Check(CreateContainerRequest request, IReadOnlyList<HostMount> mounts);

    /// <summary>What will be made for the container in the hypervisor, to be written down first; null if nothing is.</summary>
    string? PlanDisk(CreateContainerRequest request);

    /// <summary>Brings the files in. What an earlier try left has been removed.</summary>
    Task<GuestFiles> AddAsync(VmFiles files, CreateContainerRequest request, IReadOnlyList<HostMount> mounts, GuestAgent agent, CancellationToken cancellationToken);

    /// <summary>Takes them away, after the guest has let go of them; absent is success.</summary>
    Task RemoveAsync(VmFiles files, string containerId, ContainerState? state, CancellationToken cancellationToken);
}

using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>What a container's files are in the guest.</summary>
internal sealed record GuestFiles
{
    /// <summary>The root file system's path.</summary>
    public required string Rootfs { get; init; }

    /// <summary>Where the mounts from the host are, by their place in config.json.</summary>
    public required IReadOnlyDictionary<int, string> Sources { get; init; }

    /// <summary>What goes back to the host when the container ends.</summary>
    public IReadOnlyList<ReturnedFile> Returned { get; init; } = [];
}

/// <summary>A program that must be installed.</summary>
/// <param name="Name">A path, or a name that is looked up.</param>
/// <param name="Package">The Debian package that has it.</param>
internal sealed record NeededProgram(string Name, string Package);

/// <summary>How a container's files come into the VM: the one thing in which the plugins differ.</summary>
internal interface IRootfsSupply
{
    /// <summary>The form of root file system that it takes.</summary>
    RootfsForm Form { get; }

    /// <summary>Whether a file server runs beside the VM.</summary>
    bool SharesFolders { get; }

    /// <summary>Without these no root file system of that form can be made.</summary>
    IReadOnlyList<NeededProgram> Programs { get; }

    /// <summary>Refuses mounts that can never work, before anything is made.</summary>
    void Check(CreateContainerRequest request, IReadOnlyList<HostMount> mounts);

    /// <summary>What will be made for the container in the hypervisor, to be written down first; null if nothing is.</summary>
    string? PlanDisk(CreateContainerRequest request);

    /// <summary>Brings the files in. What an earlier try left has been removed.</summary>
    Task<GuestFiles> AddAsync(VmFiles files, CreateContainerRequest request, IReadOnlyList<HostMount> mounts, GuestAgent agent, CancellationToken cancellationToken);

    /// <summary>Takes them away, after the guest has let go of them; absent is success.</summary>
    Task RemoveAsync(VmFiles files, string containerId, ContainerState? state, CancellationToken cancellationToken);
}

namespace Berth.Guest.Protocol;

/// <summary>A request: exactly one member is set. Each may be repeated; what is done already succeeds.</summary>
public sealed record GuestRequest
{
    /// <summary>Names, kernel settings and network of the pod.</summary>
    public Configure? Configure { get; init; }

    /// <summary>Mounts a share.</summary>
    public MountShare? MountShare { get; init; }

    /// <summary>Mounts a container's root from a disk.</summary>
    public MountDisk? MountDisk { get; init; }

    /// <summary>Writes small files for a container.</summary>
    public WriteFiles? WriteFiles { get; init; }

    /// <summary>Reads them back, as the container left them.</summary>
    public ReadFiles? ReadFiles { get; init; }

    /// <summary>Makes a container.</summary>
    public CreateContainer? Create { get; init; }

    /// <summary>Starts what was made.</summary>
    public ContainerName? Start { get; init; }

    /// <summary>Runs another process in a container.</summary>
    public Exec? Exec { get; init; }

    /// <summary>Sends a signal.</summary>
    public SendSignal? Signal { get; init; }

    /// <summary>Sets the size of a terminal.</summary>
    public Resize? Resize { get; init; }

    /// <summary>Changes limits.</summary>
    public UpdateContainer? Update { get; init; }

    /// <summary>Asks for a container's usage.</summary>
    public ContainerName? Stats { get; init; }

    /// <summary>Ends all of a container and forgets it, with its mounts. Output and exits that are not acknowledged by then are dropped.</summary>
    public ContainerName? Delete { get; init; }

    /// <summary>Connects to a port of the guest's loopback.</summary>
    public OpenPort? OpenPort { get; init; }

    /// <summary>Asks whether the agent is well.</summary>
    public Ping? Ping { get; init; }

    /// <summary>Ends all processes, flushes and turns the power off. The answer comes before the end.</summary>
    public Shutdown? Shutdown { get; init; }
}

/// <summary>A container.</summary>
/// <param name="ContainerId">The id that the host gave.</param>
public sealed record ContainerName(string ContainerId);

/// <summary>See <see cref="GuestRequest.Configure"/>. What is null or empty stays as it is.</summary>
public sealed record Configure
{
    /// <summary>The host name.</summary>
    public string? Hostname { get; init; }

    /// <summary>Kernel settings by dotted name.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    /// <summary>Interfaces; they are found by their MAC address and renamed.</summary>
    public IReadOnlyList<GuestInterface> Interfaces { get; init; } = [];

    /// <summary>Routes, added in the order given after those on the link.</summary>
    public IReadOnlyList<GuestRoute> Routes { get; init; } = [];
}

/// <summary>An interface of the pod.</summary>
/// <param name="Mac">In colon form.</param>
/// <param name="Name">Such as <c>eth0</c>.</param>
/// <param name="Mtu">In bytes; 0 leaves it.</param>
/// <param name="Addresses">In CIDR form.</param>
/// <param name="FirstMac">The one that it has until then, of a device that was made before the pod's network; null: the same.</param>
public sealed record GuestInterface(string Mac, string Name, int Mtu, IReadOnlyList<string> Addresses, string? FirstMac = null);

/// <summary>A route of the pod.</summary>
/// <param name="Destination">In CIDR form.</param>
/// <param name="Gateway">An address; null for a route on the link.</param>
/// <param name="Interface">The name; null: the first interface, or the one that reaches the gateway.</param>
public sealed record GuestRoute(string Destination, string? Gateway, string? Interface = null);

/// <summary>See <see cref="GuestRequest.MountShare"/>: a virtiofs share at <see cref="GuestPaths.Share"/>.</summary>
/// <param name="Tag">The share's tag.</param>
public sealed record MountShare(string Tag);

/// <summary>See <see cref="GuestRequest.MountDisk"/>: a writable root at <see cref="GuestPaths.Rootfs"/>.</summary>
public sealed record MountDisk
{
    /// <summary>For whom.</summary>
    public required string ContainerId { get; init; }

    /// <summary>The serial of the virtio disk (at most 20 bytes). It may be plugged in a little later than this is asked.</summary>
    public required string Serial { get; init; }

    /// <summary><c>erofs</c> or <c>ext4</c>; it is mounted read-only.</summary>
    public required string FileSystem { get; init; }

    /// <summary>The serial of an ext4 disk for what the container writes; null: the guest's memory.</summary>
    public string? WritableSerial { get; init; }

    /// <summary>Bound on what the container writes into the guest's memory, in bytes; 0: half of it.</summary>
    public long WritableBytes { get; init; }
}

/// <summary>See <see cref="GuestRequest.WriteFiles"/>: files in <see cref="GuestPaths.Files"/>, for a pod without a share.</summary>
/// <param name="ContainerId">For whom.</param>
/// <param name="Files">Contents by name: a path beneath that folder, whose own folders are made.</param>
/// <param name="Folders">Folders that are made whether or not files are in them.</param>
/// <param name="Rights">Owners and permissions, by the name of a file or folder; without: root's, 0644 and 0755.</param>
public sealed record WriteFiles(
    string ContainerId, IReadOnlyDictionary<string, byte[]> Files, IReadOnlyList<string>? Folders = null, IReadOnlyDictionary<string, FileRights>? Rights = null);

/// <summary>Who may do what with a file, see chmod(2) and chown(2).</summary>
/// <param name="Mode">Permission bits with setuid, setgid and sticky.</param>
/// <param name="Uid">The owner.</param>
/// <param name="Gid">The group.</param>
public sealed record FileRights(int Mode, uint Uid, uint Gid);

/// <summary>See <see cref="GuestRequest.ReadFiles"/>. The answer has those that were written, each up to the bound.</summary>
/// <param name="ContainerId">Of whom.</param>
/// <param name="Names">As they were written.</param>
/// <param name="MaxBytes">Of each file.</param>
public sealed record ReadFiles(string ContainerId, IReadOnlyList<string> Names, int MaxBytes);

/// <summary>See <see cref="GuestRequest.Create"/>. The answer has the first process.</summary>
public sealed record CreateContainer
{
    /// <summary>The id that the host gave.</summary>
    public required string ContainerId { get; init; }

    /// <summary>
    /// The OCI config.json, with paths of the guest. The agent sets <c>cgroupsPath</c> to <see cref="GuestPaths.Cgroup"/> and drops
    /// hooks and the paths of namespaces: those of network, IPC and host name are the guest's own.
    /// </summary>
    public required string Config { get; init; }

    /// <summary>Standard input is a pipe; otherwise /dev/null. A terminal has its own.</summary>
    public bool Stdin { get; init; }
}

/// <summary>See <see cref="GuestRequest.Exec"/>. The answer has the process, which runs.</summary>
public sealed record Exec
{
    /// <summary>Where.</summary>
    public required string ContainerId { get; init; }

    /// <summary>The id that the host gives.</summary>
    public required string ExecId { get; init; }

    /// <summary>An OCI <c>process</c> object in JSON; <c>terminal</c> in it counts.</summary>
    public required string Process { get; init; }

    /// <summary>Standard input is a pipe; otherwise /dev/null.</summary>
    public bool Stdin { get; init; }
}

/// <summary>See <see cref="GuestRequest.Signal"/>. A process that has ended is no failure.</summary>
/// <param name="ContainerId">Where.</param>
/// <param name="ExecId">Null: the first process.</param>
/// <param name="Signal">The number.</param>
/// <param name="All">All processes of the container, or of the session of the exec.</param>
public sealed record SendSignal(string ContainerId, string? ExecId, int Signal, bool All = false);

/// <summary>See <see cref="GuestRequest.Resize"/>.</summary>
/// <param name="ContainerId">Where.</param>
/// <param name="ExecId">Null: the first process.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public sealed record Resize(string ContainerId, string? ExecId, int Width, int Height);

/// <summary>See <see cref="GuestRequest.Update"/>.</summary>
/// <param name="ContainerId">Which.</param>
/// <param name="Resources"><c>linux.resources</c> in JSON, with processors and limits of the guest.</param>
public sealed record UpdateContainer(string ContainerId, string Resources);

/// <summary>See <see cref="GuestRequest.OpenPort"/>. The answer has the connection's number.</summary>
/// <param name="Port">A TCP port; 127.0.0.1 is tried, then ::1.</param>
public sealed record OpenPort(int Port);

/// <summary>See <see cref="GuestRequest.Ping"/>.</summary>
public sealed record Ping;

/// <summary>See <see cref="GuestRequest.Shutdown"/>.</summary>
public sealed record Shutdown;

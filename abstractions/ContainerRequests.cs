namespace Berth.Abstractions;

/// <summary>Makes a container. The bundle says most; these are the facts that config.json lacks.</summary>
public sealed record CreateContainerRequest
{
    /// <summary>The sandbox that it belongs to.</summary>
    public required string SandboxId { get; init; }

    /// <summary>64 hex digits, given by the gateway and recorded before this call.</summary>
    public required string ContainerId { get; init; }

    /// <summary>The container's name within its pod.</summary>
    public required string Name { get; init; }

    /// <summary>Counts containers of the same name, from 0.</summary>
    public uint Attempt { get; init; }

    /// <summary>The OCI bundle; it holds config.json (OCI runtime spec, at most the version of <see cref="HandlerCheck.OciVersion"/>).</summary>
    public required string BundlePath { get; init; }

    /// <summary>A folder for this container alone, mode 0700; deleted after destroy.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>The root file system.</summary>
    public required RootfsSource Rootfs { get; init; }

    /// <summary>The image's id, <c>sha256:...</c>.</summary>
    public required string ImageId { get; init; }

    /// <summary>
    /// The file for stdout and stderr, in CRI log format (<c>time stream tag line</c>); null: output is dropped.
    /// Its folder exists. Whoever writes it outlives the gateway.
    /// </summary>
    public string? LogPath { get; init; }

    /// <summary>The process gets a terminal. Same as <c>process.terminal</c> of config.json.</summary>
    public bool Terminal { get; init; }

    /// <summary>Standard input stays open for attaching; otherwise it is /dev/null.</summary>
    public bool Stdin { get; init; }

    /// <summary>Standard input closes with the first client that attached.</summary>
    public bool StdinOnce { get; init; }

    /// <summary>The pod's place in the cgroup tree.</summary>
    public required PodCgroup Cgroup { get; init; }
}

/// <summary>A root file system in the form that the handler takes.</summary>
public sealed record RootfsSource
{
    /// <summary>Which of the members below is set.</summary>
    public required RootfsForm Form { get; init; }

    /// <summary>
    /// <see cref="RootfsForm.Mounted"/>: the folder; <see cref="RootfsForm.Block"/>: the file;
    /// <see cref="RootfsForm.OciLayout"/>: the layout's folder.
    /// </summary>
    public string? Path { get; init; }

    /// <summary><see cref="RootfsForm.Layers"/>: the folders, lowest first.</summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary><see cref="RootfsForm.Block"/>: <c>erofs</c> or <c>ext4</c>.</summary>
    public string? FileSystem { get; init; }
}

/// <summary>Prepares another process in a running container.</summary>
public sealed record ExecRequest
{
    /// <summary>Given by the gateway, unique in the container.</summary>
    public required string ExecId { get; init; }

    /// <summary>The file of an OCI <c>process</c> object in JSON; it is the caller's, and stays until the process has ended.</summary>
    public required string ProcessPath { get; init; }

    /// <summary>Standard input.</summary>
    public StdioEndpoint Stdin { get; init; }

    /// <summary>Standard output; with a terminal, all of its output.</summary>
    public StdioEndpoint Stdout { get; init; }

    /// <summary>Standard error.</summary>
    public StdioEndpoint Stderr { get; init; }

    /// <summary>The process gets a terminal.</summary>
    public bool Terminal { get; init; }
}

/// <summary>
/// One end of a process's standard stream: a file descriptor of this process, or the path of a FIFO, or neither (/dev/null).
/// A descriptor stays the caller's, open until <see cref="IProcess.StartAsync"/> has returned. The other end of a FIFO is open before the call.
/// </summary>
/// <param name="Descriptor">The descriptor's number; null if there is none.</param>
/// <param name="FifoPath">The FIFO's path; null if there is none.</param>
public readonly record struct StdioEndpoint(int? Descriptor, string? FifoPath);

/// <summary>Writes a checkpoint.</summary>
public sealed record CheckpointRequest
{
    /// <summary>An empty folder of the caller's.</summary>
    public required string Directory { get; init; }

    /// <summary>The container goes on afterwards.</summary>
    public bool LeaveRunning { get; init; }
}

/// <summary>Hands an image to a runtime with a store of its own.</summary>
public sealed record PrepareImageRequest
{
    /// <summary>The image's id, <c>sha256:...</c>.</summary>
    public required string ImageId { get; init; }

    /// <summary>The image, in the form that the handler asked for.</summary>
    public required RootfsSource Source { get; init; }
}

/// <summary>The copy that a runtime keeps.</summary>
/// <param name="UsedBytes">Bytes on disk.</param>
/// <param name="InodesUsed">Inodes on disk.</param>
/// <param name="Mountpoint">The file system's mount point.</param>
public sealed record PreparedImage(long UsedBytes, long InodesUsed, string Mountpoint);

using System.Text.Json;

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

    /// <summary>
    /// The OCI bundle; it holds config.json (OCI runtime spec, at most the version of <see cref="HandlerCheck.OciVersion"/>).
    /// Its <c>root.path</c> is an absolute path of the host where the image's files can be read until the container is destroyed:
    /// with <see cref="RootfsForm.Mounted"/> the writable root file system itself, with every other form a read-only view, which
    /// a handler replaces by the path that its runtime sees.
    /// </summary>
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

    /// <summary>
    /// The folder of a checkpoint as <see cref="IContainer.CheckpointAsync"/> wrote it, here or elsewhere; null for none. With it
    /// <see cref="IProcess.StartAsync"/> lets the checkpoint's processes go on, in the namespaces, mounts and cgroup that config.json
    /// names, instead of running its process. It stays until the start has returned. Given only if
    /// <see cref="HandlerFeatures.Checkpoint"/>. What is in it comes from wherever the checkpoint comes from.
    /// </summary>
    public string? RestoreFrom { get; init; }
}

/// <summary>
/// A root file system in the form that the handler takes: the first of <see cref="HandlerFeatures.RootfsForms"/> that the gateway
/// can make. Whatever it names stays as it is until the container is destroyed, or, for <see cref="PrepareImageRequest"/>, until
/// the call returns; it may be shared with other containers of the image. Except with <see cref="RootfsForm.Mounted"/> it is
/// read-only, and the layer that the container writes to is the handler's to make and to remove.
/// </summary>
public sealed record RootfsSource
{
    /// <summary>Which of the members below is set.</summary>
    public required RootfsForm Form { get; init; }

    /// <summary>
    /// <see cref="RootfsForm.Mounted"/>: the folder; <see cref="RootfsForm.Block"/>: the file;
    /// <see cref="RootfsForm.OciLayout"/>: the layout's folder.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>
    /// <see cref="RootfsForm.Layers"/>: the folders, lowest first, at least one. A removed file is a character device 0:0 and a
    /// replaced folder has the attribute <c>trusted.overlay.opaque</c>, as overlayfs has it; what lies below an opaque root is left out.
    /// </summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary><see cref="RootfsForm.Block"/>: <c>erofs</c>, not compressed, in blocks of 4096 bytes.</summary>
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

    /// <summary>The process gets a terminal. The end of <see cref="Stdin"/> then counts as the end-of-file character typed once.</summary>
    public bool Terminal { get; init; }
}

/// <summary>
/// Attaches a client to a container's streams. The end of <see cref="Stdin"/> closes the container's standard input if it was
/// created with <see cref="CreateContainerRequest.StdinOnce"/> and without a terminal, and else changes nothing.
/// </summary>
public sealed record AttachRequest
{
    /// <summary>What the client types; needs a container created with <see cref="CreateContainerRequest.Stdin"/>.</summary>
    public StdioEndpoint Stdin { get; init; }

    /// <summary>Standard output; with a terminal, all of its output. A client that does not read holds the container up.</summary>
    public StdioEndpoint Stdout { get; init; }

    /// <summary>Standard error; nothing comes with a terminal.</summary>
    public StdioEndpoint Stderr { get; init; }
}

/// <summary>
/// One end of a process's standard stream: a file descriptor of this process, or the path of a FIFO, or neither (/dev/null).
/// A descriptor stays the caller's, open until <see cref="IProcess.StartAsync"/> (of an exec) or <see cref="IContainer.AttachAsync"/>
/// has returned; the handler may make it non-blocking, and uses a copy of its own. The other end of a FIFO is open before the call.
/// </summary>
/// <param name="Descriptor">The descriptor's number; null if there is none.</param>
/// <param name="FifoPath">The FIFO's path; null if there is none.</param>
public readonly record struct StdioEndpoint(int? Descriptor, string? FifoPath);

/// <summary>Writes a checkpoint.</summary>
public sealed record CheckpointRequest
{
    /// <summary>
    /// An empty folder of the caller's, mode 0700. Its subfolder <c>checkpoint</c> gets the processes, as plain files without further
    /// folders; beside it lies what the tool has to tell (<c>dump.log</c>, <c>stats-dump</c>).
    /// </summary>
    public required string Directory { get; init; }

    /// <summary>The container goes on afterwards. Its cgroup may be frozen by the caller, and is then left so.</summary>
    public bool LeaveRunning { get; init; }
}

/// <summary>
/// Hands an image to a runtime with a store of its own. It comes before every container of the image, one call at a time for an
/// image, so a handler that has the image answers at once, and one whose copy somebody has deleted makes it again.
/// </summary>
public sealed record PrepareImageRequest
{
    /// <summary>The image's id, <c>sha256:...</c>.</summary>
    public required string ImageId { get; init; }

    /// <summary>
    /// The image, in the first of the handler's <see cref="HandlerFeatures.RootfsForms"/> beyond <see cref="RootfsForm.None"/> that
    /// the gateway can make; always read-only, also where it is mounted.
    /// </summary>
    public required RootfsSource Source { get; init; }

    /// <summary>
    /// The image's configuration as its author wrote it (OCI image specification, config.md), for a runtime that must build the
    /// image again. Its <c>rootfs.diff_ids</c> are of the layers as they were packed, not as a runtime would pack the folders.
    /// </summary>
    public JsonElement? ConfigJson { get; init; }

    /// <summary>The image's names in full form, <c>repository:tag</c> before <c>repository@digest</c>; empty if it has none.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];
}

/// <summary>The copy that a runtime keeps.</summary>
/// <param name="UsedBytes">Bytes on disk.</param>
/// <param name="InodesUsed">Inodes on disk.</param>
/// <param name="Mountpoint">The file system's mount point.</param>
public sealed record PreparedImage(long UsedBytes, long InodesUsed, string Mountpoint);

using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>All that a container's config.json is made from.</summary>
public sealed record SpecInput
{
    public required ContainerSpec Container { get; init; }

    public required ImageDefaults Image { get; init; }

    /// <summary>The container's root file system, mounted.</summary>
    public required string RootfsPath { get; init; }

    /// <summary>A folder of this container alone: volumes that the image declares and does not contain are made beneath it.</summary>
    public required string VolumesDirectory { get; init; }

    /// <summary>A folder of this container alone: mounts whose owners are mapped lie beneath it, see <see cref="MappedBind"/>.</summary>
    public required string MappedDirectory { get; init; }

    /// <summary>
    /// The sandbox's namespaces by OCI type (<c>network</c>, <c>ipc</c>, <c>uts</c>, <c>pid</c>, <c>user</c>). A type that is missing is the
    /// host's where <see cref="SandboxNamespaces"/> says so, else new.
    /// </summary>
    public required IReadOnlyDictionary<string, string> NamespacePaths { get; init; }

    /// <summary>The modes of the sandbox: they decide over network, IPC and UTS of all its containers.</summary>
    public required NamespaceModes SandboxNamespaces { get; init; }

    /// <summary>Whether the sandbox may have privileged containers.</summary>
    public required bool SandboxPrivileged { get; init; }

    /// <summary>The PID namespace of the container that <see cref="NamespaceModes.TargetId"/> names, when the mode is Target.</summary>
    public string? TargetPidNamespace { get; init; }

    public required PodFiles Files { get; init; }

    /// <summary>As the runtime takes it: a path, or <c>slice:prefix:name</c>.</summary>
    public required string CgroupsPath { get; init; }

    /// <summary>See <see cref="HandlerCheck.OciVersion"/>.</summary>
    public required string OciVersion { get; init; }

    public required string Hostname { get; init; }

    /// <summary>What the handler can do.</summary>
    public required HandlerFeatures Features { get; init; }

    /// <summary>Why Berth's own AppArmor profile cannot be had; empty if it can, or is not wanted.</summary>
    public string AppArmorMissing { get; init; } = "";

    /// <summary>Null: none.</summary>
    public SelinuxLabels? Selinux { get; init; }

    /// <summary>Annotations for the runtime: those that the gateway sets, and the pod's that the operator lets through.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
}

/// <summary>What an image says of the containers made from it.</summary>
public sealed record ImageDefaults
{
    public IReadOnlyList<string> Entrypoint { get; init; } = [];

    public IReadOnlyList<string> Cmd { get; init; } = [];

    /// <summary><c>NAME=value</c>.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];

    public string WorkingDir { get; init; } = "";

    /// <summary><c>user</c> or <c>user:group</c>, by name or number; empty is root.</summary>
    public string User { get; init; } = "";

    public string StopSignal { get; init; } = "";

    public IReadOnlyList<string> Volumes { get; init; } = [];
}

/// <summary>Files of the pod on the host, which its containers share; null is not mounted.</summary>
public sealed record PodFiles
{
    public string? Hosts { get; init; }

    public string? Hostname { get; init; }

    public string? ResolvConf { get; init; }

    /// <summary>The folder of /dev/shm; null gives the container one of its own.</summary>
    public string? Shm { get; init; }
}

/// <summary>A container's config.json, and what has to be true before the handler gets it.</summary>
public sealed record SpecResult
{
    public required OciSpec Spec { get; init; }

    /// <summary>The ids that the process runs with, for ContainerStatus.</summary>
    public required ContainerUser User { get; init; }

    /// <summary>Folders of the host that mounts name and that do not exist: see <see cref="HostFolders"/>.</summary>
    public required IReadOnlyList<string> FoldersToCreate { get; init; }

    /// <summary>Mounts to be made before the runtime looks.</summary>
    public required IReadOnlyList<MappedBind> MappedBinds { get; init; }

    /// <summary>The name of the signal that stops it.</summary>
    public required string StopSignal { get; init; }
}

/// <summary>
/// A mount source that the runtime gets by another path, where its owners are those of the pod's user namespace. The gateway makes
/// it, because many runtimes take no notice of such a wish.
/// </summary>
public sealed record MappedBind(string Source, string Target);

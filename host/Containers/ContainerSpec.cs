namespace Berth.Containers;

/// <summary>A container as the kubelet asks for it (CRI ContainerConfig), in the gateway's own types.</summary>
public sealed record ContainerSpec
{
    public required string Name { get; init; }

    public uint Attempt { get; init; }

    /// <summary>The image as the request names it: a reference, or an id.</summary>
    public required string Image { get; init; }

    /// <summary>The name that the user wrote, for display; empty if not given.</summary>
    public string UserSpecifiedImage { get; init; } = "";

    /// <summary>Of the request's ImageSpec; shown as given.</summary>
    public IReadOnlyDictionary<string, string> ImageAnnotations { get; init; } = new Dictionary<string, string>();

    /// <summary>The handler that the image is meant for, as the request's ImageSpec says; shown as given.</summary>
    public string ImageRuntimeHandler { get; init; } = "";

    /// <summary>Which image exactly the request's ImageSpec says that it is; empty if not given.</summary>
    public string ImageRef { get; init; } = "";

    public IReadOnlyList<string> Command { get; init; } = [];

    public IReadOnlyList<string> Args { get; init; } = [];

    public string WorkingDirectory { get; init; } = "";

    public IReadOnlyList<KeyValuePair<string, string>> Environment { get; init; } = [];

    public IReadOnlyList<MountSpec> Mounts { get; init; } = [];

    public IReadOnlyList<DeviceSpec> Devices { get; init; } = [];

    public IReadOnlyList<string> CdiDevices { get; init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Relative to the pod's log directory; empty if no log is wanted.</summary>
    public string LogPath { get; init; } = "";

    public bool Stdin { get; init; }

    public bool StdinOnce { get; init; }

    public bool Terminal { get; init; }

    /// <summary>The signal's name that the request sets, such as <c>SIGTERM</c>; null leaves it to the image.</summary>
    public string? StopSignal { get; init; }

    /// <summary>
    /// The checkpoint that it goes on from: the path of an archive, or the id of an image that is one (<c>sha256:...</c>); null for none.
    /// </summary>
    public string? RestoreFrom { get; init; }

    public ContainerResources Resources { get; init; } = new();

    public SecurityContext Security { get; init; } = new();
}

/// <summary>Limits of a container (CRI LinuxContainerResources). 0 or empty means not set.</summary>
public sealed record ContainerResources
{
    /// <summary>Microseconds.</summary>
    public long CpuPeriod { get; init; }

    /// <summary>Microseconds within a period; negative means no limit.</summary>
    public long CpuQuota { get; init; }

    public long CpuShares { get; init; }

    public long MemoryLimitBytes { get; init; }

    /// <summary>-1000 to 1000.</summary>
    public long OomScoreAdj { get; init; }

    public string CpusetCpus { get; init; } = "";

    public string CpusetMems { get; init; } = "";

    public IReadOnlyList<HugepageLimit> HugepageLimits { get; init; } = [];

    /// <summary>cgroup v2 files by name.</summary>
    public IReadOnlyDictionary<string, string> Unified { get; init; } = new Dictionary<string, string>();

    /// <summary>Memory and swap together, as cgroup v1 counts.</summary>
    public long MemorySwapLimitBytes { get; init; }
}

/// <param name="PageSize">Such as <c>2MB</c>.</param>
/// <param name="LimitBytes">Bytes.</param>
public sealed record HugepageLimit(string PageSize, ulong LimitBytes);

/// <summary>A volume or file of the host in the container (CRI Mount).</summary>
public sealed record MountSpec
{
    public required string ContainerPath { get; init; }

    public string HostPath { get; init; } = "";

    public bool ReadOnly { get; init; }

    public bool RecursiveReadOnly { get; init; }

    public bool SelinuxRelabel { get; init; }

    public MountPropagation Propagation { get; init; }

    /// <summary>The mapping of the mount's owners: empty, or the pod's user namespace.</summary>
    public IReadOnlyList<IdMapping> UidMappings { get; init; } = [];

    /// <inheritdoc cref="UidMappings"/>
    public IReadOnlyList<IdMapping> GidMappings { get; init; } = [];

    /// <summary>An image to mount instead of a host path; empty if none.</summary>
    public string Image { get; init; } = "";

    public string ImageSubPath { get; init; } = "";

    /// <summary>What else its ImageSpec says; shown as given. Null without an image.</summary>
    public ImageDetails? ImageDetails { get; init; }

    /// <summary>Further options such as <c>noexec</c>.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];
}

public enum MountPropagation
{
    Private,
    HostToContainer,
    Bidirectional,
}

/// <summary>A device of the host in the container.</summary>
/// <param name="HostPath">A device node, or a folder of them.</param>
/// <param name="ContainerPath">Its path in the container.</param>
/// <param name="Permissions">A subset of <c>rwm</c>.</param>
public sealed record DeviceSpec(string HostPath, string ContainerPath, string Permissions);

/// <summary>Rights of a container (CRI LinuxContainerSecurityContext).</summary>
public sealed record SecurityContext
{
    public IReadOnlyList<string> AddCapabilities { get; init; } = [];

    public IReadOnlyList<string> DropCapabilities { get; init; } = [];

    public IReadOnlyList<string> AddAmbientCapabilities { get; init; } = [];

    public bool Privileged { get; init; }

    public NamespaceModes Namespaces { get; init; } = new();

    public SelinuxOptions? Selinux { get; init; }

    public long? RunAsUser { get; init; }

    public long? RunAsGroup { get; init; }

    /// <summary>Empty if not given.</summary>
    public string RunAsUsername { get; init; } = "";

    public bool ReadOnlyRootfs { get; init; }

    public IReadOnlyList<long> SupplementalGroups { get; init; } = [];

    public SupplementalGroupsPolicy SupplementalGroupsPolicy { get; init; }

    public bool NoNewPrivileges { get; init; }

    public IReadOnlyList<string> MaskedPaths { get; init; } = [];

    public IReadOnlyList<string> ReadOnlyPaths { get; init; } = [];

    /// <summary>Null: unconfined.</summary>
    public SecurityProfile? Seccomp { get; init; }

    /// <summary>Null: not asked for.</summary>
    public SecurityProfile? Apparmor { get; init; }
}

public enum SupplementalGroupsPolicy
{
    Merge,
    Strict,
}

public sealed record SelinuxOptions(string User, string Role, string Type, string Level);

/// <param name="Type">Which kind.</param>
/// <param name="LocalhostRef">Localhost: the profile's path (seccomp) or name (AppArmor).</param>
public sealed record SecurityProfile(SecurityProfileType Type, string LocalhostRef);

public enum SecurityProfileType
{
    RuntimeDefault,
    Unconfined,
    Localhost,
}

/// <summary>Whose namespaces are used.</summary>
public sealed record NamespaceModes
{
    public NamespaceMode Network { get; init; }

    public NamespaceMode Pid { get; init; } = NamespaceMode.Container;

    public NamespaceMode Ipc { get; init; }

    /// <summary>For <see cref="NamespaceMode.Target"/>: the container whose PID namespace is joined.</summary>
    public string TargetId { get; init; } = "";

    /// <summary>User namespace: <see cref="NamespaceMode.Node"/> or absent is the host's.</summary>
    public UserNamespaceSpec? User { get; init; }
}

public enum NamespaceMode
{
    Pod,
    Container,
    Node,
    Target,
}

/// <summary>A user namespace and its mappings.</summary>
public sealed record UserNamespaceSpec(NamespaceMode Mode, IReadOnlyList<IdMapping> Uids, IReadOnlyList<IdMapping> Gids);

public sealed record IdMapping(uint HostId, uint ContainerId, uint Length);

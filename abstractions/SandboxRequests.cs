namespace Berth.Abstractions;

/// <summary>What identifies a pod to people.</summary>
public sealed record PodIdentity
{
    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The pod's uid.</summary>
    public required string Uid { get; init; }

    /// <summary>Counts sandboxes made for the same pod, from 0.</summary>
    public uint Attempt { get; init; }
}

/// <summary>The first step of a sandbox.</summary>
public sealed record PrepareSandboxRequest
{
    /// <summary>64 hex digits, given by the gateway and recorded before this call.</summary>
    public required string SandboxId { get; init; }

    /// <summary>Which pod.</summary>
    public required PodIdentity Pod { get; init; }

    /// <summary>A folder for this sandbox alone, mode 0700, on tmpfs where the machine has one; deleted after destroy.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>
    /// The sandbox's own OCI bundle. Its config.json describes an init that only waits and reaps; a handler that needs such
    /// a process (<see cref="NeedsInit"/>, or a runtime that knows sandbox containers) runs it, the others ignore it.
    /// </summary>
    public required string BundlePath { get; init; }

    /// <summary>The pod's containers share one PID namespace, so a process must hold it.</summary>
    public bool NeedsInit { get; init; }

    /// <summary>The pod's host name.</summary>
    public required string Hostname { get; init; }

    /// <summary>The pod's place in the cgroup tree.</summary>
    public required PodCgroup Cgroup { get; init; }

    /// <summary>The pod's size, as far as the kubelet tells it.</summary>
    public PodResources Resources { get; init; } = new();

    /// <summary>
    /// Paths by OCI namespace type (<c>network</c>, <c>ipc</c>, <c>uts</c>, <c>user</c>) of the namespaces that the gateway has made and
    /// holds; a user namespace owns the others. A type that is missing is the host's, or is the handler's to make.
    /// </summary>
    public IReadOnlyDictionary<string, string> NamespacePaths { get; init; } = new Dictionary<string, string>();

    /// <summary>The pod asks to be privileged: an isolation of the handler's own may then be left out.</summary>
    public bool Privileged { get; init; }

    /// <summary>
    /// The pod's kernel settings by their path beneath /proc/sys. The gateway has set them in the namespaces that it made; a
    /// handler that makes one of its own sets those of its kind there.
    /// </summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The pod's annotations, only those that the operator lets this handler see: the keys in plugins.json, else those of
    /// <see cref="PluginManifest.Annotations"/>.
    /// </summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
}

/// <summary>The answer to the first step.</summary>
public sealed record PreparedSandbox
{
    /// <summary>Where the handler owns it: the path of the network namespace that CNI will fill.</summary>
    public string? NetworkNamespacePath { get; init; }
}

/// <summary>The second step of a sandbox.</summary>
public sealed record StartSandboxRequest
{
    /// <summary>The request of the first step.</summary>
    public required PrepareSandboxRequest Sandbox { get; init; }

    /// <summary>The pod's network, as CNI made it; null for the host's network.</summary>
    public PodNetwork? Network { get; init; }
}

/// <summary>A pod's network as the CNI result describes it.</summary>
public sealed record PodNetwork
{
    /// <summary>The path of the network namespace.</summary>
    public required string NamespacePath { get; init; }

    /// <summary>The interfaces within the namespace.</summary>
    public IReadOnlyList<PodInterface> Interfaces { get; init; } = [];

    /// <summary>The routes within the namespace.</summary>
    public IReadOnlyList<PodRoute> Routes { get; init; } = [];

    /// <summary>The name servers of the pod's resolv.conf.</summary>
    public IReadOnlyList<string> DnsServers { get; init; } = [];
}

/// <summary>An interface of a pod.</summary>
/// <param name="Name">Such as <c>eth0</c>.</param>
/// <param name="MacAddress">In colon form; null if not reported.</param>
/// <param name="Mtu">In bytes; 0 if not reported.</param>
/// <param name="Addresses">In CIDR form, the primary first.</param>
public sealed record PodInterface(string Name, string? MacAddress, int Mtu, IReadOnlyList<string> Addresses);

/// <summary>A route of a pod.</summary>
/// <param name="Destination">In CIDR form.</param>
/// <param name="Gateway">An address; null for a route on the link.</param>
public sealed record PodRoute(string Destination, string? Gateway);

/// <summary>Where a pod lives in the cgroup tree. The gateway makes and removes these; the handler puts processes in.</summary>
public sealed record PodCgroup
{
    /// <summary>The pod's cgroup beneath the root of each hierarchy, with a leading slash; for systemd the expanded slice path.</summary>
    public required string Path { get; init; }

    /// <summary>
    /// A child of <see cref="Path"/> for what is not a container's: hypervisors, monitors. Containers' limits do not squeeze it.
    /// </summary>
    public required string OverheadPath { get; init; }
}

/// <summary>A pod's size. 0 means not said.</summary>
public sealed record PodResources
{
    /// <summary>Thousandths of a processor, the sum of the containers' limits.</summary>
    public long CpuMillis { get; init; }

    /// <summary>Bytes, the sum of the containers' limits.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Thousandths of a processor for the runtime itself (RuntimeClass overhead).</summary>
    public long OverheadCpuMillis { get; init; }

    /// <summary>Bytes for the runtime itself.</summary>
    public long OverheadMemoryBytes { get; init; }
}

/// <summary>Adopts a sandbox after a restart of the gateway.</summary>
public sealed record RestoreSandboxRequest
{
    /// <summary>What the sandbox was started with.</summary>
    public required StartSandboxRequest Start { get; init; }

    /// <summary>The newest record that the handler saved, or null.</summary>
    public StateRecord? State { get; init; }

    /// <summary>The containers to adopt.</summary>
    public IReadOnlyList<RestoreContainer> Containers { get; init; } = [];
}

/// <summary>A container to adopt.</summary>
public sealed record RestoreContainer
{
    /// <summary>What it was created with.</summary>
    public required CreateContainerRequest Create { get; init; }

    /// <summary>The newest record that the handler saved, or null.</summary>
    public StateRecord? State { get; init; }

    /// <summary>Whether it had been started.</summary>
    public bool Started { get; init; }
}

/// <summary>Removes a sandbox or container, whatever is left of it.</summary>
public sealed record DestroyRequest
{
    /// <summary>The sandbox's id.</summary>
    public required string SandboxId { get; init; }

    /// <summary>The container's id; null for the sandbox.</summary>
    public string? ContainerId { get; init; }

    /// <summary>The private folder that the create had; it may be gone.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>The newest record that the handler saved, or null.</summary>
    public StateRecord? State { get; init; }
}

/// <summary>What is known of a sandbox.</summary>
public sealed record SandboxInfo
{
    /// <summary>The process that holds the pod (VM, init), as the host sees it; 0 if there is none.</summary>
    public int Pid { get; init; }

    /// <summary>Paths by OCI namespace type of namespaces that the handler made and containers join, such as <c>pid</c>.</summary>
    public IReadOnlyDictionary<string, string> NamespacePaths { get; init; } = new Dictionary<string, string>();

    /// <summary>More for people, shown in the verbose status.</summary>
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>();
}

/// <summary>Something that a handler owns outside the gateway's process.</summary>
/// <param name="Id">The id of the sandbox or container that it was made for.</param>
/// <param name="Kind">Such as <c>container</c>, <c>monitor</c>, <c>vm</c>.</param>
/// <param name="Description">For people: a pid, a path.</param>
public sealed record OwnedObject(string Id, string Kind, string Description);

namespace Berth.Abstractions;

/// <summary>The state of a handler.</summary>
public sealed record HandlerCheck
{
    /// <summary>Whether pods can be started.</summary>
    public required bool Ready { get; init; }

    /// <summary>If not ready: what is missing on this machine and what would help, in one line.</summary>
    public string? Reason { get; init; }

    /// <summary>The runtime's own version, one line.</summary>
    public string? RuntimeVersion { get; init; }

    /// <summary>The highest version of the OCI runtime spec that its config.json may name.</summary>
    public string OciVersion { get; init; } = "1.0.2";

    /// <summary>What the handler can do on this machine.</summary>
    public HandlerFeatures Features { get; init; } = new();

    /// <summary>
    /// Where containers could be checkpointed but cannot on this machine: what is missing and what would help, in one line. Null if
    /// <see cref="HandlerFeatures.Checkpoint"/>, or if the handler never can.
    /// </summary>
    public string? CheckpointReason { get; init; }
}

/// <summary>Abilities, as data. The gateway refuses early what a handler does not have.</summary>
public sealed record HandlerFeatures
{
    /// <summary>Who makes the pod's network namespace.</summary>
    public NetworkNamespaceOwner NetworkNamespace { get; init; }

    /// <summary>The forms of root file system that the handler takes, best first.</summary>
    public IReadOnlyList<RootfsForm> RootfsForms { get; init; } = [RootfsForm.Mounted];

    /// <summary>Where usage figures come from.</summary>
    public StatsSource Stats { get; init; }

    /// <summary>Pods may use the host's network, PID or IPC namespace.</summary>
    public bool HostNamespaces { get; init; }

    /// <summary>Containers of a pod may share one PID namespace.</summary>
    public bool SharedPidNamespace { get; init; }

    /// <summary>Containers may be privileged.</summary>
    public bool Privileged { get; init; }

    /// <summary>
    /// Containers join the user namespace that the gateway makes for a pod and that config.json names, with its mappings. The
    /// owners of root file systems and volumes are mapped by the gateway.
    /// </summary>
    public bool UserNamespaces { get; init; }

    /// <summary>Recursive read-only mounts.</summary>
    public bool RecursiveReadOnlyMounts { get; init; }

    /// <summary>The options of bind mounts in config.json that take rights away or say when times are written (noexec, nosuid, nodev, noatime, ...).</summary>
    public bool MountOptions { get; init; }

    /// <summary>Devices of the host in containers.</summary>
    public bool Devices { get; init; }

    /// <summary>The hooks of config.json are run, which some devices need.</summary>
    public bool Hooks { get; init; }

    /// <summary>The classes of cache, memory bandwidth and disks in config.json are applied (linux.intelRdt, linux.resources.blockIO).</summary>
    public bool ResourceClasses { get; init; }

    /// <summary>Seccomp profiles are applied.</summary>
    public bool Seccomp { get; init; }

    /// <summary>AppArmor profiles of the host are applied.</summary>
    public bool AppArmor { get; init; }

    /// <summary>The sysctls that the gateway sets in the pod's namespaces are those that its containers see.</summary>
    public bool Sysctls { get; init; }

    /// <summary>Limits on huge pages are applied.</summary>
    public bool HugePages { get; init; }

    /// <summary>
    /// Folders of the host are shared with containers: what one side writes, the other sees. Without it the handler copies them
    /// when it makes the container, so the gateway refuses writable ones.
    /// </summary>
    public bool SharedFolders { get; init; }

    /// <summary>What is mounted later in a shared folder of the host appears in the container (HostToContainer).</summary>
    public bool MountPropagation { get; init; }

    /// <summary>What a privileged container mounts in a shared folder appears on the host too (Bidirectional).</summary>
    public bool MountPropagationToHost { get; init; }

    /// <summary>A container may have a terminal.</summary>
    public bool Terminal { get; init; }

    /// <summary>A container's standard input may stay open for attaching.</summary>
    public bool Stdin { get; init; }

    /// <summary>Limits of a running container change with <see cref="IContainer.UpdateAsync"/>.</summary>
    public bool LimitUpdates { get; init; }

    /// <summary>
    /// A container's processes are processes of the host, in the cgroup that config.json names: <see cref="IProcess.Pid"/> and
    /// <see cref="IContainer.PidsAsync"/> tell them, and the cgroup holds the limits.
    /// </summary>
    public bool HostProcesses { get; init; }

    /// <summary>Every signal reaches an exec, and all of its session; without it only SIGKILL ends one.</summary>
    public bool ExecSignals { get; init; }

    /// <summary>An exec may have a terminal.</summary>
    public bool ExecTerminal { get; init; }

    /// <summary><see cref="IContainer.AttachAsync"/>.</summary>
    public bool Attach { get; init; }

    /// <summary><see cref="IContainer.CheckpointAsync"/> and <see cref="CreateContainerRequest.RestoreFrom"/>.</summary>
    public bool Checkpoint { get; init; }

    /// <summary><see cref="ISandbox.OpenPortAsync"/>.</summary>
    public bool OpensPorts { get; init; }

    /// <summary>
    /// The pod's memory and processors are what the handler has made of <see cref="PrepareSandboxRequest.Resources"/>, as those of a VM
    /// are, and <see cref="ISandbox.UpdateResourcesAsync"/> alone can change them. The gateway then limits the memory of the pod's cgroup
    /// no further.
    /// </summary>
    public bool HoldsPodSize { get; init; }

    /// <summary><see cref="IRuntimeHandler.PrepareImageAsync"/>.</summary>
    public bool OwnsImageStore { get; init; }

    /// <summary>
    /// A second object of this handler may restore a sandbox while a first one still has it, and both then see its exits: a new version
    /// of the plugin takes over the pods of the old one while they run. Without it they stay with the old one until they end, or until
    /// the gateway starts again.
    /// </summary>
    public bool AdoptsLive { get; init; }
}

/// <summary>Who makes the pod's network namespace.</summary>
public enum NetworkNamespaceOwner
{
    /// <summary>The gateway; the handler joins it.</summary>
    Host,

    /// <summary>The handler, in <see cref="IRuntimeHandler.PrepareSandboxAsync"/>.</summary>
    Handler,
}

/// <summary>The form in which a handler takes a container's root file system.</summary>
public enum RootfsForm
{
    /// <summary>A folder where the gateway has mounted it, writable.</summary>
    Mounted,

    /// <summary>The folders of the layers, lowest first, as overlayfs takes them.</summary>
    Layers,

    /// <summary>A read-only file system image in one file, see <see cref="RootfsSource.FileSystem"/>.</summary>
    Block,

    /// <summary>An OCI image layout folder; the gateway does not make it yet.</summary>
    OciLayout,

    /// <summary>
    /// None: the handler has it from <see cref="IRuntimeHandler.PrepareImageAsync"/>, for which it names another form behind this one.
    /// </summary>
    None,
}

/// <summary>Where usage figures come from.</summary>
public enum StatsSource
{
    /// <summary>The gateway reads the container's cgroup.</summary>
    Cgroup,

    /// <summary>The gateway asks the handler.</summary>
    Handler,
}

namespace Berth.Containers.Checkpoints;

/// <summary>
/// What a checkpoint is made of, by the names that Kubernetes' forensic checkpoints have (KEP-2008), so that the tools for those read
/// it. A container's archive has all of these at its top.
/// </summary>
internal static class CheckpointNames
{
    /// <summary>A folder: the processes, in the images of CRIU.</summary>
    public const string Processes = "checkpoint";

    /// <summary>In it, CRIU's own table of contents.</summary>
    public const string Inventory = "inventory.img";

    public const string Config = "config.dump";
    public const string Spec = "spec.dump";
    public const string Status = "status.dump";

    /// <summary>The same as <see cref="Status"/>, by the name that older tools look for.</summary>
    public const string OlderStatus = "status";

    public const string BindMounts = "bind.mounts";

    /// <summary>What the container has written, and what it has deleted.</summary>
    public const string RootfsDiff = "rootfs-diff.tar";

    public const string DeletedFiles = "deleted.files";
    public const string DumpLog = "dump.log";
    public const string Log = "container.log";

    /// <summary>Of a pod: written last, so what lacks it is not whole.</summary>
    public const string PodOptions = "pod.options";

    public const string PodDump = "pod.dump";

    /// <summary>Annotations of an image's manifest that make it a checkpoint; the value is the container's name.</summary>
    public static readonly string[] ImageAnnotations =
        ["org.criu.checkpoint.container.name", "io.kubernetes.cri-o.annotations.checkpoint.name", "io.podman.annotations.checkpoint.name"];
}

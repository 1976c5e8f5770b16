namespace Berth.Containers;

/// <summary>Where the gateway keeps a container's things; paths follow from the id alone.</summary>
/// <param name="State">The gateway's state folder.</param>
public sealed record ContainerPaths(string State)
{
    public string Folder(string id) => Path.Combine(State, "containers", id);

    public string Bundle(string id) => Path.Combine(Folder(id), "bundle");

    public string Config(string id) => Path.Combine(Bundle(id), "config.json");

    public string Rootfs(string id) => Path.Combine(Folder(id), "rootfs");

    /// <summary>Where the image of a mount is, by the mount's place in the request.</summary>
    public string VolumeImage(string id, int mount) => Path.Combine(Folder(id), "images", $"{mount}");

    /// <summary>Beneath it, mounts whose owners are mapped.</summary>
    public string Mapped(string id) => Path.Combine(Folder(id), "mapped");

    /// <summary>Where the PID namespace of the container that this one joins is pinned.</summary>
    public string TargetPids(string id) => Path.Combine(Folder(id), "target-pid");

    /// <summary>Volumes that the image declares and does not contain.</summary>
    public string Volumes(string id) => Path.Combine(Folder(id), "volumes");

    /// <summary>The handler's own.</summary>
    public string Private(string id) => Path.Combine(Folder(id), "private");

    /// <summary>Process files of execs.</summary>
    public string Execs(string id) => Path.Combine(Folder(id), "exec");
}

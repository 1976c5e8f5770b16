using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>A mount, the host path to be created as a folder if it is missing, and what has to be mounted first.</summary>
internal sealed record VolumeMount(OciMount Mount, string? FolderToCreate, MappedBind? Bind);

/// <summary>The mounts that a request asks for.</summary>
internal sealed class VolumeMounts(SpecInput input)
{
    // Flags that only take rights away or say when times are written; see mount(8).
    private static readonly HashSet<string> KnownOptions =
    [
        "noexec", "exec", "nodev", "dev", "nosuid", "suid", "noatime", "atime", "nodiratime", "diratime", "relatime", "norelatime",
        "strictatime", "nostrictatime", "nosymfollow", "symfollow",
    ];

    internal VolumeMount Create(MountSpec mount, int index)
    {
        var destination = Destination(mount.ContainerPath);
        RefuseUnsupported(mount, destination);
        var hostPath = ContainerPath.Normalize(mount.HostPath, $"the host path of mount {destination}");
        var source = RealPath.Find(hostPath);
        if (source is null && FileStatus.Find(hostPath, followLink: false) is not null)
        {
            throw RuntimeException.FailedPrecondition(
                $"the source {hostPath} of mount {destination} is a symbolic link that leads nowhere; create its target");
        }

        IReadOnlyList<string> options = ["rbind", Propagation(mount.Propagation), Access(mount, destination), .. mount.Options];
        CheckPropagation(mount.Propagation, source ?? hostPath, destination);
        var bind = IsMapped(mount) ? new MappedBind(source ?? hostPath, Path.Combine(input.MappedDirectory, $"{index}")) : null;
        return new(new(destination, "bind", bind?.Target ?? source ?? hostPath, options), source is null ? hostPath : null, bind);
    }

    private static string Destination(string path)
    {
        var destination = ContainerPath.Normalize(path, "the container path of a mount");
        return destination == "/"
            ? throw RuntimeException.InvalidArgument("a mount must not cover the container's root \"/\"")
            : destination;
    }

    private static bool IsMapped(MountSpec mount) => mount.UidMappings.Count > 0 || mount.GidMappings.Count > 0;

    private void RefuseUnsupported(MountSpec mount, string destination)
    {
        var users = input.SandboxNamespaces.User is { Mode: NamespaceMode.Pod } pods ? pods : null;
        if (IsMapped(mount) && !(users is not null && users.Uids.SequenceEqual(mount.UidMappings) && users.Gids.SequenceEqual(mount.GidMappings)))
        {
            throw RuntimeException.InvalidArgument(
                $"mount {destination} has uid and gid mappings that are not those of the pod's user namespace; give the pod's, or none");
        }

        // A mount made in a user namespace of its own reaches no other: mount_namespaces(7), less privileged mount namespaces.
        if (users is not null && mount.Propagation == MountPropagation.Bidirectional)
        {
            throw RuntimeException.InvalidArgument(
                $"mount {destination} asks for Bidirectional propagation, which a pod with a user namespace cannot have; use HostToContainer, or the host's users");
        }

        if (mount.Options.FirstOrDefault(static o => !KnownOptions.Contains(o)) is { } option)
        {
            throw RuntimeException.InvalidArgument(
                $"mount {destination} has the option \"{option}\"; known are {string.Join(", ", KnownOptions.Order(StringComparer.Ordinal))}");
        }
    }

    private string Access(MountSpec mount, string destination)
    {
        if (!mount.RecursiveReadOnly)
        {
            return mount.ReadOnly ? "ro" : "rw";
        }

        if (!mount.ReadOnly || mount.Propagation != MountPropagation.Private)
        {
            throw RuntimeException.InvalidArgument($"mount {destination} is recursively read-only: it must be read-only, with private propagation");
        }

        // The kubelet looks for this word at the start of the text.
        return input.Features.RecursiveReadOnlyMounts
            ? "rro"
            : throw new RuntimeException(
                RuntimeErrorCode.NotSupported,
                $"RROUnsupported: mount {destination} is to be recursively read-only, which this handler's runtime cannot do; use a plain read-only mount");
    }

    private static string Propagation(MountPropagation propagation) => propagation switch
    {
        MountPropagation.Private => "rprivate",
        MountPropagation.HostToContainer => "rslave",
        MountPropagation.Bidirectional => "rshared",
        _ => throw RuntimeException.InvalidArgument($"mount propagation {propagation} is not known"),
    };

    // Without this the mount would be made and nothing would ever propagate.
    private static void CheckPropagation(MountPropagation propagation, string source, string destination)
    {
        if (propagation == MountPropagation.Private)
        {
            return;
        }

        var entry = MountTable.Containing(source);
        var fits = entry is { IsShared: true } || (propagation == MountPropagation.HostToContainer && entry is { IsSlave: true });
        if (!fits)
        {
            throw RuntimeException.FailedPrecondition(
                $"mount {destination} asks for {propagation} propagation, but its source {source} lies on {entry?.MountPoint ?? "no mount"}, "
                + $"which is not shared; run `mount --make-rshared {entry?.MountPoint ?? "/"}` on the host");
        }
    }
}

using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Gives a volume the label of its pod, where the kubelet asks for it (selinux_relabel).</summary>
internal static class SelinuxRelabel
{
    // Relabelled, the node itself would no longer come at them.
    private static readonly string[] Never = ["/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log", "/var/run"];

    private static ReadOnlySpan<byte> Attribute => "security.selinux"u8;

    public static void Apply(IEnumerable<MountSpec> mounts, string label)
    {
        foreach (var mount in mounts.Where(static m => m.SelinuxRelabel && m.HostPath.Length > 0))
        {
            Apply(mount.HostPath, label);
        }
    }

    private static void Apply(string path, string label)
    {
        if (Never.Contains(path.Length > 1 ? path.TrimEnd('/') : path))
        {
            throw RuntimeException.InvalidArgument($"mount {path} is to get the SELinux label of the pod (selinux_relabel), but it is the node's own; mount a folder beneath it");
        }

        try
        {
            using var parent = SafeFd.OpenDirectory(Path.GetDirectoryName(path.TrimEnd('/'))!);
            Label(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path.TrimEnd('/'))), Encoding.UTF8.GetBytes(label + "\0"));
        }
        catch (LinuxException e)
        {
            throw RuntimeException.FailedPrecondition($"mount {path} cannot get the SELinux label {label}: {e.Message}");
        }
    }

    // No link is followed, and nothing that is mounted beneath is touched. A file system that knows no labels has none to change.
    private static void Label(SafeFd folder, byte[] name, byte[] label)
    {
        if (!ExtendedAttributes.TrySet(folder, name, Attribute, label) || FilesAt.Status(folder, name) is not { Kind: FileKind.Folder })
        {
            return;
        }

        try
        {
            using var sub = FilesAt.OpenSubfolder(folder, name);
            foreach (var child in FileTree.Names(sub))
            {
                Label(sub, child, label);
            }
        }
        catch (LinuxException e) when (e.IsLink || e.IsNotFound)
        {
            // Another mount, or gone meanwhile.
        }
    }
}

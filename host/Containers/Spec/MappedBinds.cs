using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Makes the mounts whose owners are those of a pod's user namespace. They lie in the container's folder and go with it.</summary>
public static class MappedBinds
{
    public static void Make(UserNamespacePin users, IReadOnlyList<MappedBind> binds)
    {
        foreach (var bind in binds)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(bind.Target)!);
            if (FileStatus.Find(bind.Source) is { Kind: FileKind.Folder })
            {
                Directory.CreateDirectory(bind.Target);
            }
            else
            {
                File.Create(bind.Target).Dispose();
            }

            try
            {
                IdMappedMounts.Bind(bind.Source, bind.Target, users.Path);
            }
            catch (LinuxException e)
            {
                throw new RuntimeException(
                    RuntimeErrorCode.FailedPrecondition,
                    $"the owners of {bind.Source} cannot be mapped for the pod's user namespace: {e.Message}; "
                    + $"its file system, {MountTable.Containing(bind.Source)?.FileSystem}, may have no id-mapped mounts: move it to one such as ext4, xfs or tmpfs, or use the host's users",
                    e);
            }
        }
    }
}

using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Makes the folders that a container's mounts name: a missing host path is a folder, mode 0755.</summary>
public static class HostFolders
{
    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Makes folders those of a user namespace's root.</summary>
    public static void GiveTo(UserNamespacePin users, IEnumerable<string> folders)
    {
        foreach (var path in folders)
        {
            using var folder = SafeFd.OpenDirectory(path);
            FilesAt.SetOwner(folder, [], users.Uids.ToOutside(0), users.Gids.ToOutside(0));
        }
    }

    public static void Create(IEnumerable<string> folders)
    {
        foreach (var folder in folders)
        {
            try
            {
                Directory.CreateDirectory(folder, Mode);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new RuntimeException(
                    RuntimeErrorCode.FailedPrecondition, $"cannot create the mount source {folder}: {e.Message}", e);
            }
        }
    }
}

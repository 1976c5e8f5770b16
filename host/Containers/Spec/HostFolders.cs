using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Makes the folders that a container's mounts name: a missing host path is a folder, mode 0755.</summary>
public static class HostFolders
{
    private const UnixFileMode Mode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

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

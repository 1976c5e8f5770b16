using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>The file that a checkpoint becomes, where the kubelet wants it; it gets its name last, and never another's.</summary>
internal static class CheckpointTarget
{
    /// <summary>Makes it, without a name yet.</summary>
    /// <exception cref="RuntimeException">The name is taken, there is no such folder, or its file system is of no use.</exception>
    public static UnnamedFile Create(string location)
    {
        var (folder, name) = (Path.GetDirectoryName(location), Path.GetFileName(location));
        if (folder is null || name.Length is 0 or > 255 || name is "." or "..")
        {
            throw RuntimeException.InvalidArgument($"the checkpoint cannot be written to {location}: give the absolute path of a file that is not there yet");
        }

        if (FileStatus.Find(location, followLink: false) is not null)
        {
            throw Taken(location);
        }

        try
        {
            return UnnamedFile.Create(folder);
        }
        catch (LinuxException e)
        {
            throw RuntimeException.FailedPrecondition(
                $"the checkpoint cannot be written to {location}: {e.Message}; make the folder, on a file system such as ext4, xfs, btrfs or tmpfs");
        }
    }

    /// <summary>Gives it its name.</summary>
    public static void Name(UnnamedFile file, string location)
    {
        try
        {
            file.Name(Path.GetFileName(location));
        }
        catch (LinuxException e)
        {
            throw e.IsExisting ? Taken(location) : ContainerDumps.Failed(location, e);
        }
    }

    private static RuntimeException Taken(string location) =>
        new(RuntimeErrorCode.AlreadyExists, $"the checkpoint cannot be written to {location}: that name is taken; a checkpoint replaces nothing");
}

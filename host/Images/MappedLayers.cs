using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Images;

/// <summary>
/// All layers with the owners that a user namespace gives them, for the time in which an overlay is mounted: overlayfs takes
/// copies of its lower mounts, so these may go right after. A crash between leaves a mount that <see cref="ImageViews"/> clears.
/// </summary>
internal sealed class MappedLayers : IDisposable
{
    private readonly ImageFolders _folders;
    private readonly string _folder;
    private readonly SafeFd _root;

    /// <exception cref="RuntimeException">The file system of the layers has no such mounts.</exception>
    public MappedLayers(ImageFolders folders, UserNamespacePin users)
    {
        _folders = folders;
        _folder = Path.Combine(folders.Views, $"map-{Guid.NewGuid():N}");
        Directory.CreateDirectory(_folder);
        try
        {
            IdMappedMounts.Bind(folders.Layers, _folder, users.Path);
            _root = SafeFd.OpenDirectory(_folder);
        }
        catch (LinuxException e)
        {
            Remove();
            throw new RuntimeException(
                RuntimeErrorCode.FailedPrecondition,
                $"images cannot be shown to a user namespace: {e.Message}; this needs Linux 5.19 and a file system such as ext4, xfs or btrfs at {folders.Layers}", e);
        }
    }

    /// <summary>A layer's folder within the mount, as this process can name it: short, for there is one page for all of an image's.</summary>
    public string PathOf(string layerFolder) => layerFolder.StartsWith(_folders.Layers, StringComparison.Ordinal)
        ? $"/proc/self/fd/{_root.Number}{layerFolder[_folders.Layers.Length..]}"
        : layerFolder;

    public void Dispose()
    {
        _root.Dispose();
        Remove();
    }

    private void Remove()
    {
        Mounts.Unmount(_folder);
        Directory.Delete(_folder);
    }
}

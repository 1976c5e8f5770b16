using System.Text;
using Berth.Abstractions;
using Berth.Images;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers.Rootfs;

/// <summary>
/// Images that a container mounts as volumes: each an overlay of the image's layers without a writable one. Its rows hold the
/// layers until the container is removed, as those of the root file system do.
/// </summary>
public sealed class VolumeImages(Snapshots snapshots, ImageStore images, ContainerPaths paths)
{
    /// <summary>The images' ids; all must be here.</summary>
    public IReadOnlyList<string> Find(ContainerSpec spec) =>
        [.. spec.Mounts.Where(static m => m.Image.Length > 0).Select(m => Find(m).Id).Distinct(StringComparer.Ordinal)];

    /// <summary>Mounts them and returns the container's mounts with the paths in their place. What a kill cuts off is found by <see cref="RemoveAsync"/>.</summary>
    public async Task<IReadOnlyList<MountSpec>> MakeAsync(ContainerPlan plan)
    {
        var mounts = plan.Container.Spec.Mounts.ToList();
        foreach (var index in Indexes(plan.Container.Spec))
        {
            var (id, mount) = (plan.Container.Id, mounts[index]);
            var folder = paths.VolumeImage(id, index);
            Directory.CreateDirectory(folder);
            await snapshots.MountAsync(Key(id, index), Find(mount), folder, readOnly: true, CancellationToken.None, PodUsers.Of(plan.Sandbox));
            mounts[index] = mount with { Image = "", HostPath = Resolve(mount, folder), ImageSubPath = "", UidMappings = [], GidMappings = [] };
        }

        return mounts;
    }

    /// <summary>Unmounts them, whatever there is of them.</summary>
    public async Task RemoveAsync(Container container, CancellationToken cancellationToken)
    {
        foreach (var index in Indexes(container.Spec))
        {
            await snapshots.RemoveAsync(Key(container.Id, index), paths.VolumeImage(container.Id, index), cancellationToken);
        }
    }

    private static IEnumerable<int> Indexes(ContainerSpec spec) =>
        Enumerable.Range(0, spec.Mounts.Count).Where(i => spec.Mounts[i].Image.Length > 0);

    private static string Key(string containerId, int index) => $"{containerId}-volume-{index}";

    private ImageModel Find(MountSpec mount)
    {
        var image = images.Find(mount.Image) ?? throw RuntimeException.NotFound(
            $"ImageVolumeMountFailed: image {mount.Image} of mount {mount.ContainerPath} is not on this node: pull it first");
        image.DemandReference(mount.ImageDetails?.Reference ?? "", $"image.image_ref of mount {mount.ContainerPath}");
        return image;
    }

    // The image never changes, so what its path is now stays true.
    private static string Resolve(MountSpec mount, string folder)
    {
        using var root = SafeFd.OpenDirectory(folder);
        try
        {
            using var found = FilesAt.Locate(root, Encoding.UTF8.GetBytes(mount.ImageSubPath.Trim('/')), followLast: true);
            return FileStatus.Of(found).Kind is FileKind.Folder or FileKind.Regular
                ? Path.Combine(folder, Encoding.UTF8.GetString(FilesAt.PathWithin(root, found)))
                : throw RuntimeException.InvalidArgument(Failure(mount, "is neither a folder nor a file"));
        }
        catch (LinuxException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, Failure(mount, $"cannot be found: {e.Message}"), e);
        }
    }

    // The kubelet looks for the word at the start of the text.
    private static string Failure(MountSpec mount, string why) =>
        $"ImageVolumeMountFailed: the path \"{mount.ImageSubPath}\" in image {mount.Image} of mount {mount.ContainerPath} {why}";
}

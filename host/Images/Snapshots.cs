using System.Text;
using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Linux;
using Berth.State;
using Microsoft.Data.Sqlite;

namespace Berth.Images;

/// <summary>Root file systems of containers: overlayfs over an image's layers, with a writable layer of their own.</summary>
public sealed class Snapshots(StateDatabase database, ImageFolders folders, Trash trash)
{
    private const int SQLITE_CONSTRAINT = 19;

    /// <summary>The folders of an image's layers, topmost first, as overlayfs wants them.</summary>
    public IReadOnlyList<string> LayerFolders(ImageModel image)
    {
        var layers = new List<string>();
        foreach (var id in image.LayerIds.Reverse())
        {
            var files = folders.LayerFiles(id);
            layers.Add(files);
            if (IsOpaque(files))
            {
                break; // overlayfs does not look at the mark on a root folder: what is below is hidden by leaving it out
            }
        }

        return layers.Count > 0 ? layers : [folders.Empty[0]];
    }

    /// <summary>
    /// Mounts the image for a container at an existing folder and gives that folder back. The rows that hold the layers
    /// come first, so a crash leaves nothing that <see cref="RemoveAsync"/> would not find. What is mounted stays as it is.
    /// </summary>
    /// <param name="containerId">Whose it is.</param>
    /// <param name="image">The image.</param>
    /// <param name="mountpoint">Where.</param>
    /// <param name="readOnly">Without a writable layer: a volume made of an image.</param>
    /// <param name="cancellationToken">Checked before anything is done.</param>
    /// <param name="users">The user namespace whose ids the image's owners are; null shows them as they are.</param>
    public Task<string> MountAsync(
        string containerId, ImageModel image, string mountpoint, bool readOnly, CancellationToken cancellationToken, UserNamespacePin? users = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.Run(() => Mount(containerId, image, mountpoint, readOnly, users), CancellationToken.None);
    }

    /// <summary>Unmounts and removes a container's snapshot; what is not there is success.</summary>
    public Task RemoveAsync(string containerId, string mountpoint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.Run(() => Remove(containerId, mountpoint), CancellationToken.None);
    }

    /// <summary>What the container has written.</summary>
    public TreeUsage Usage(string containerId) => FileTree.Usage(Upper(containerId));

    /// <summary>Removes folders of containers that nobody knows any more.</summary>
    public void Recover()
    {
        var known = database.Read(static c => c.Query(
            "SELECT container_id FROM snapshots UNION SELECT id FROM containers", static r => r.GetString(0))).ToHashSet();
        foreach (var folder in Directory.EnumerateDirectories(folders.Containers).Where(f => !known.Contains(Path.GetFileName(f))))
        {
            trash.Discard(folder);
        }
    }

    /// <summary>The folder of what the container has written and deleted, as overlayfs keeps it.</summary>
    public string Upper(string containerId) => Path.Combine(Folder(containerId), "upper");

    /// <summary>What the image has in a folder that the container has made anew, and so cannot be seen.</summary>
    /// <param name="containerId">The container.</param>
    /// <param name="image">Its image; null if it is gone, and then nobody can tell.</param>
    /// <param name="path">The folder, with a leading slash.</param>
    public IReadOnlyList<string> HiddenIn(string containerId, ImageModel? image, string path)
    {
        var seen = Names(Upper(containerId), path).ToHashSet(StringComparer.Ordinal);
        return [.. (image is null ? [] : LayerFolders(image)).SelectMany(l => Names(l, path)).Where(seen.Add).Select(n => $"{path.TrimEnd('/')}/{n}")];
    }

    private static IEnumerable<string> Names(string layer, string path)
    {
        using var root = SafeFd.OpenDirectory(layer);
        try
        {
            using var folder = FilesAt.OpenFolder(root, Encoding.UTF8.GetBytes(path.Trim('/')));
            return [.. FileTree.Names(folder).Select(static n => Encoding.UTF8.GetString(n))];
        }
        catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
        {
            return [];
        }
    }

    private string Folder(string containerId) => Path.Combine(folders.Containers, containerId);

    private string Mount(string containerId, ImageModel image, string mountpoint, bool readOnly, UserNamespacePin? users)
    {
        var layers = LayerFolders(image);
        using var mapped = users is null ? null : new MappedLayers(folders, users);
        IReadOnlyList<string> lower = mapped is null ? layers : [.. layers.Select(mapped.PathOf)];
        var options = readOnly
            ? OverlayOptions.Lower(lower.Count > 1 ? lower : [.. lower, folders.Empty[1]])
            : OverlayOptions.Writable(lower, Upper(containerId), Path.Combine(Folder(containerId), "work"));
        HoldLayers(containerId, image);
        if (MountTable.Containing(mountpoint)?.MountPoint == mountpoint)
        {
            return mountpoint;
        }

        if (!readOnly)
        {
            PrepareWritable(containerId, layers[0], users);
        }

        Mounts.Overlay(mountpoint, options, readOnly);
        return mountpoint;
    }

    private void HoldLayers(string containerId, ImageModel image)
    {
        try
        {
            database.Write(c =>
            {
                for (var position = 0; position < image.LayerIds.Count; position++)
                {
                    c.Execute(
                        "INSERT OR REPLACE INTO snapshots (container_id, position, layer_id) VALUES ($id, $position, $layer)",
                        ("$id", containerId), ("$position", position), ("$layer", image.LayerIds[position]));
                }
            });
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SQLITE_CONSTRAINT)
        {
            throw new RuntimeException(RuntimeErrorCode.NotFound, $"image {image.Id} was removed while container {containerId} was created; pull it again", e);
        }
    }

    private void PrepareWritable(string containerId, string top, UserNamespacePin? users)
    {
        var work = Path.Combine(Folder(containerId), "work");
        Directory.CreateDirectory(Upper(containerId));
        // A volatile mount leaves its mark in the work folder and refuses the next one; within a boot nothing was lost.
        FileTree.Delete(work);
        Directory.CreateDirectory(work);
        // The root folder of an overlay is that of its uppermost layer.
        LayerFinisher.CopyRoot(top, Upper(containerId));
        if (users is not null)
        {
            using var root = SafeFd.OpenDirectory(Upper(containerId));
            var owner = FileStatus.Of(root);
            FilesAt.SetOwner(root, [], users.Uids.ToOutside(owner.Uid), users.Gids.ToOutside(owner.Gid));
            FilesAt.SetMode(root, [], owner.Mode & 0xFFF);
        }
    }

    private void Remove(string containerId, string mountpoint)
    {
        Mounts.Unmount(mountpoint);
        trash.Discard(Folder(containerId));
        database.Write(c => c.Execute("DELETE FROM snapshots WHERE container_id = $id", ("$id", containerId)));
    }

    private static bool IsOpaque(string folder)
    {
        using var root = SafeFd.OpenDirectory(folder);
        return ExtendedAttributes.Get(root, [], Whiteout.OpaqueAttribute) is [(byte)'y'];
    }
}

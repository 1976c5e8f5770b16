using Berth.Abstractions;
using Berth.Images;
using Berth.State;

namespace Berth.Containers.Rootfs;

/// <summary>The records of images that handlers hold a copy of.</summary>
public sealed class HandlerImageTable(StateDatabase database)
{
    // A path of this length is none; the answer is a plugin's.
    private const int LongestMountpoint = 4096;

    /// <summary>Records that a copy is about to be made. It may survive a power loss, so the record must too.</summary>
    public void Begin(string handler, string imageId)
    {
        if (!Contains(handler, imageId))
        {
            database.WriteDurably(c => c.Execute(
                "INSERT OR IGNORE INTO handler_images (handler, image_id, complete) VALUES ($handler, $image, 0)", ("$handler", handler), ("$image", imageId)));
        }
    }

    /// <summary>Records the copy as the handler describes it.</summary>
    public void Complete(string handler, string imageId, PreparedImage copy)
    {
        if (copy.UsedBytes < 0 || copy.InodesUsed < 0 || !Path.IsPathRooted(copy.Mountpoint) || copy.Mountpoint.Length > LongestMountpoint)
        {
            throw new RuntimeException(
                RuntimeErrorCode.Internal, $"handler {handler} describes its copy of image {imageId} with figures or a mount point that cannot be; repair the plugin");
        }

        database.Write(c => c.Execute(
            "UPDATE handler_images SET complete = 1, used_bytes = $bytes, inodes = $inodes, mountpoint = $mountpoint WHERE handler = $handler AND image_id = $image",
            ("$bytes", copy.UsedBytes), ("$inodes", copy.InodesUsed), ("$mountpoint", copy.Mountpoint), ("$handler", handler), ("$image", imageId)));
    }

    /// <summary>Forgets it.</summary>
    public void Delete(string handler, string imageId) => database.Write(c => c.Execute(
        "DELETE FROM handler_images WHERE handler = $handler AND image_id = $image", ("$handler", handler), ("$image", imageId)));

    public bool Contains(string handler, string imageId) => Completeness(handler, imageId) is not null;

    public bool IsComplete(string handler, string imageId) => Completeness(handler, imageId) is true;

    public IReadOnlyList<(string Handler, string ImageId)> List() => database.Read(static c => c.Query(
        "SELECT handler, image_id FROM handler_images", static r => (r.GetString(0), r.GetString(1))));

    private bool? Completeness(string handler, string imageId) => database.Read(c => c.Query<bool?>(
        "SELECT complete FROM handler_images WHERE handler = $handler AND image_id = $image", static r => r.GetBoolean(0), ("$handler", handler), ("$image", imageId)))
        .FirstOrDefault();
}

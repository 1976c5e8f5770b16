using Berth.Common;
using Berth.Images.Layers;
using Berth.State;
using Microsoft.Data.Sqlite;

namespace Berth.Images;

/// <summary>
/// Images as one read-only file each, for runtimes that take a root file system as a block device. A file is made once for all
/// containers and stays while its image or a container holds it. Its row comes first, and says complete only once the disk has it.
/// </summary>
public sealed class BlockImages(StateDatabase database, ImageFolders folders, ImageViews views, TimeProvider time, ILogger<BlockImages> logger)
{
    public const string FileSystem = "erofs";

    private readonly KeyedLock _locks = new();
    private readonly FileSystemSync _sync = new(folders.Blocks);

    /// <summary>The file of an image, made if it is missing, and held until <see cref="Release"/>.</summary>
    /// <param name="holder">A container's id, or any other that is not used twice.</param>
    /// <param name="image">The image.</param>
    public async Task<string> EnsureAsync(string holder, ImageModel image)
    {
        // One at a time for an image: whoever waited finds it made.
        using var turn = await _locks.AcquireAsync(image.Id, CancellationToken.None);
        var id = FindAndHold(holder, image.Id);
        if (id is { } found && File.Exists(PathOf(found)))
        {
            return PathOf(found);
        }

        return PathOf(await MakeAsync(holder, image));
    }

    /// <summary>Lets go of the holder's file, and removes it if nobody else has it.</summary>
    public void Release(string holder)
    {
        var released = 0;
        database.Write(c => released = c.Execute("DELETE FROM block_users WHERE container_id = $id", ("$id", holder)));
        if (released > 0)
        {
            Collect();
        }
    }

    /// <summary>Removes the files that neither an image nor a container holds.</summary>
    public void Collect()
    {
        const string Unused = "DELETE FROM blocks WHERE complete = 1 AND image_id NOT IN (SELECT id FROM images) AND id NOT IN (SELECT block_id FROM block_users) RETURNING id";
        IReadOnlyList<long> removed = [];
        // The disk must know that the row is gone before the file goes, or a power loss could leave a row without its file.
        database.WriteDurably(c => removed = c.Query(Unused, static r => r.GetInt64(0)));
        foreach (var id in removed)
        {
            File.Delete(PathOf(id));
        }
    }

    /// <summary>Puts right what a crash left: half-made files, files without a row, holders that are gone.</summary>
    public void Recover()
    {
        database.WriteDurably(static c =>
        {
            c.Execute("DELETE FROM block_users WHERE container_id NOT IN (SELECT id FROM containers)");
            c.Execute("DELETE FROM blocks WHERE complete = 0 AND id NOT IN (SELECT block_id FROM block_users)");
        });
        Collect();
        var known = database.Read(static c => c.Query("SELECT id FROM blocks WHERE complete = 1", static r => r.GetInt64(0))).Select(PathOf).ToHashSet();
        foreach (var file in Directory.GetFiles(folders.Blocks).Where(f => !known.Contains(f)))
        {
            File.Delete(file);
        }
    }

    private string PathOf(long id) => Path.Combine(folders.Blocks, $"{id}.{FileSystem}");

    private async Task<long> MakeAsync(string holder, ImageModel image)
    {
        var started = time.GetTimestamp();
        var id = Insert(image.Id);
        var (file, part) = (PathOf(id), Path.Combine(folders.Blocks, $"{id}.part"));
        try
        {
            await using (var view = await views.OpenAsync(image))
            {
                File.Delete(part);
                await ErofsCommand.RunAsync(view.Folder, part, image.Id);
            }

            File.Move(part, file, overwrite: true);
            await _sync.RunAsync();
            var size = new FileInfo(file).Length;
            database.WriteDurably(c =>
            {
                c.Execute("UPDATE blocks SET complete = 1, size_bytes = $size WHERE id = $id", ("$size", size), ("$id", id));
                Hold(c, holder, id);
            });
            logger.BlockMade(image.Id, file, size, (long)time.GetElapsedTime(started).TotalMilliseconds);
            return id;
        }
        catch
        {
            File.Delete(part);
            database.Write(c => c.Execute("DELETE FROM blocks WHERE id = $id AND complete = 0 AND id NOT IN (SELECT block_id FROM block_users)", ("$id", id)));
            throw;
        }
    }

    private long? FindAndHold(string holder, string imageId)
    {
        long? found = null;
        database.Write(c =>
        {
            found = c.Query<long?>("SELECT id FROM blocks WHERE image_id = $image AND complete = 1", static r => r.GetInt64(0), ("$image", imageId)).FirstOrDefault();
            if (found is { } id)
            {
                Hold(c, holder, id);
            }
        });
        return found;
    }

    private static void Hold(SqliteConnection connection, string holder, long id) => connection.Execute(
        "INSERT OR REPLACE INTO block_users (container_id, block_id) VALUES ($holder, $id)", ("$holder", holder), ("$id", id));

    private long Insert(string imageId)
    {
        long id = 0;
        database.Write(c => id = c.Query(
            "INSERT INTO blocks (image_id, complete) VALUES ($image, 0) ON CONFLICT (image_id) DO UPDATE SET complete = 0 RETURNING id",
            static r => r.GetInt64(0), ("$image", imageId))[0]);
        return id;
    }
}

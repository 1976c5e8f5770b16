using Berth.Linux;
using Berth.State;

namespace Berth.Images;

/// <summary>What the image store takes on its file system.</summary>
public sealed record ImageFileSystemUsage
{
    /// <summary>Where the file system is mounted.</summary>
    public required string MountPoint { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset MeasuredAt { get; init; }

    /// <summary>Layers, block devices made of them, and copies in handlers' own stores that lie on the same file system.</summary>
    public required TreeUsage Images { get; init; }

    /// <summary>Copies in handlers' own stores elsewhere, by the mount point of their file system.</summary>
    public IReadOnlyDictionary<string, TreeUsage> OtherImages { get; init; } = new Dictionary<string, TreeUsage>();

    /// <summary>Writable layers of containers.</summary>
    public required TreeUsage Containers { get; init; }
}

/// <summary>Answers ImageFsInfo. Walking the writable layers costs, so a result serves for some seconds.</summary>
public sealed class ImageFileSystem(StateDatabase database, ImageFolders folders, TimeProvider time)
{
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private ImageFileSystemUsage? _last;

    /// <summary>Where the file system is mounted.</summary>
    public string MountPoint { get; } = MountTable.Containing(folders.Root)?.MountPoint ?? "/";

    /// <summary>The figures, ten seconds old at most.</summary>
    public ImageFileSystemUsage Read()
    {
        lock (_gate)
        {
            var now = time.GetUtcNow();
            if (_last is null || now - _last.MeasuredAt >= Freshness)
            {
                _last = Measure(now);
            }

            return _last;
        }
    }

    private ImageFileSystemUsage Measure(DateTimeOffset now)
    {
        var images = database.Read(static c => c.Query(
            """
            SELECT coalesce(sum(size_bytes), 0), coalesce(sum(inodes), 0) FROM
                (SELECT size_bytes, inodes FROM layers WHERE complete = 1 UNION ALL SELECT size_bytes, 1 FROM blocks WHERE complete = 1)
            """,
            static r => new TreeUsage(r.GetInt64(0), r.GetInt64(1))))[0];
        var copies = database.Read(static c => c.Query(
            "SELECT mountpoint, sum(used_bytes), sum(inodes) FROM handler_images WHERE complete = 1 GROUP BY mountpoint",
            static r => (MountPoint: r.GetString(0), Usage: new TreeUsage(r.GetInt64(1), r.GetInt64(2))))).ToDictionary(static c => c.MountPoint, static c => c.Usage);
        if (copies.Remove(MountPoint, out var here))
        {
            images = new(images.Bytes + here.Bytes, images.Inodes + here.Inodes);
        }

        return new()
        {
            MountPoint = MountPoint,
            MeasuredAt = now,
            Images = images,
            OtherImages = copies,
            Containers = FileTree.Usage(folders.Containers),
        };
    }
}

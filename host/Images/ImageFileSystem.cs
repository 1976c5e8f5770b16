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

    /// <summary>Layers.</summary>
    public required TreeUsage Images { get; init; }

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
            "SELECT coalesce(sum(size_bytes), 0), coalesce(sum(inodes), 0) FROM layers WHERE complete = 1",
            static r => new TreeUsage(r.GetInt64(0), r.GetInt64(1))))[0];
        return new()
        {
            MountPoint = MountPoint,
            MeasuredAt = now,
            Images = images,
            Containers = FileTree.Usage(folders.Containers),
        };
    }
}

using Berth.Linux;

namespace Berth.Images;

/// <summary>Takes folders away at once and deletes them afterwards, one after the other. What a crash left goes at the next start.</summary>
public sealed class Trash(ImageFolders folders, ILogger<Trash> logger)
{
    private readonly Lock _gate = new();
    private Task _last = Task.CompletedTask;

    /// <summary>Moves a folder of the same file system away; no such folder is success.</summary>
    public void Discard(string folder)
    {
        var target = Path.Combine(folders.Trash, Guid.NewGuid().ToString("N"));
        try
        {
            Directory.Move(folder, target);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }

        DeleteLater(target);
    }

    /// <summary>Deletes what an earlier process left.</summary>
    public void Sweep()
    {
        foreach (var folder in Directory.EnumerateDirectories(folders.Trash))
        {
            DeleteLater(folder);
        }
    }

    /// <summary>Completes when all that was discarded so far is gone.</summary>
    public Task EmptiedAsync()
    {
        lock (_gate)
        {
            return _last;
        }
    }

    private void DeleteLater(string folder)
    {
        lock (_gate)
        {
            _last = DeleteAsync(_last, folder);
        }
    }

    private async Task DeleteAsync(Task before, string folder)
    {
        await before;
        try
        {
            await Task.Run(() => FileTree.Delete(folder));
        }
        catch (LinuxException e)
        {
            logger.TrashRemains(folder, e.Message);
        }
    }
}

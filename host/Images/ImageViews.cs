using Berth.Linux;
using Berth.State;

namespace Berth.Images;

/// <summary>
/// Images mounted read-only for the time in which something is made of them. A view holds the layers by itself, so the image and
/// the container that it is for may go meanwhile.
/// </summary>
public sealed class ImageViews(Snapshots snapshots, StateDatabase database, ImageFolders folders)
{
    private const string Prefix = "view-";

    /// <summary>Mounts the image; dispose of the view to take it away.</summary>
    internal async Task<ImageView> OpenAsync(ImageModel image)
    {
        var id = $"{Prefix}{Guid.NewGuid():N}";
        var folder = Path.Combine(folders.Views, id);
        Directory.CreateDirectory(folder);
        var view = new ImageView(snapshots, id, folder);
        try
        {
            await snapshots.MountAsync(id, image, folder, readOnly: true, CancellationToken.None);
            return view;
        }
        catch
        {
            await view.DisposeAsync();
            throw;
        }
    }

    /// <summary>Removes what an earlier process left.</summary>
    public void Recover()
    {
        MountTable.UnmountBeneath(folders.Views);
        database.Write(static c => c.Execute("DELETE FROM snapshots WHERE substr(container_id, 1, 5) = $prefix", ("$prefix", Prefix)));
        foreach (var folder in Directory.GetDirectories(folders.Views))
        {
            Directory.Delete(folder);
        }
    }
}

/// <summary>A view that is open.</summary>
internal sealed class ImageView(Snapshots snapshots, string id, string folder) : IAsyncDisposable
{
    public string Folder => folder;

    public async ValueTask DisposeAsync()
    {
        await snapshots.RemoveAsync(id, folder, CancellationToken.None);
        Directory.Delete(folder);
    }
}

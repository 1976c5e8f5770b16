using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>A complete layer, with those below it.</summary>
internal sealed record StoredLayer(long Id, StoredLayer? Below)
{
    /// <summary>This one first, then down.</summary>
    public IEnumerable<StoredLayer> Downwards()
    {
        for (var layer = this; layer is not null; layer = layer.Below)
        {
            yield return layer;
        }
    }
}

/// <summary>All layers up to one, as a container would see them; for the time in which the layer above is finished.</summary>
internal sealed class LayerView : IDisposable
{
    private readonly string? _mountPoint;

    private LayerView(string folder, string? mountPoint) => (Folder, _mountPoint) = (folder, mountPoint);

    public string Folder { get; }

    /// <param name="top">The layer on top; null for nothing.</param>
    /// <param name="folders">Where layers are.</param>
    /// <param name="mountPoint">A folder to be made for it if there is more than one layer.</param>
    public static LayerView Open(StoredLayer? top, ImageFolders folders, string mountPoint)
    {
        if (top?.Below is null)
        {
            return new(top is null ? folders.Empty[0] : folders.LayerFiles(top.Id), null);
        }

        Directory.CreateDirectory(mountPoint);
        Mounts.Overlay(mountPoint, OverlayOptions.Lower([.. top.Downwards().Select(l => folders.LayerFiles(l.Id))]), readOnly: true);
        return new(mountPoint, mountPoint);
    }

    public void Dispose()
    {
        if (_mountPoint is not null)
        {
            Mounts.Unmount(_mountPoint);
            Directory.Delete(_mountPoint);
        }
    }
}

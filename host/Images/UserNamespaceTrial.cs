using Berth.Abstractions;
using Berth.Common;
using Berth.Linux;

namespace Berth.Images;

/// <summary>Finds out whether pods can have user namespaces: one is made, and the layers are mounted for it.</summary>
public sealed class UserNamespaceTrial(ImageFolders folders, UserNamespaceSupport support)
{
    // Any that is not the host's root: what is looked at is that the owner has moved.
    private static readonly IdRange Ids = new(0, 1 << 20, 1 << 16);

    /// <summary>Tries.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        // A crash leaves mounts that ImageViews clears, and this folder, which is used again.
        var folder = Path.Combine(folders.Root, "users");
        MountTable.UnmountBeneath(folder);
        Directory.CreateDirectory(Path.Combine(folder, "view"));
        var pin = Path.Combine(folder, "ns");
        await File.Create(pin).DisposeAsync();
        try
        {
            var users = new UserNamespacePin { Path = pin, Uids = Ids, Gids = Ids };
            await UserNamespaces.CreateAsync(new() { User = users }, cancellationToken);
            support.Reason = TryOverlay(users, Path.Combine(folder, "view"));
        }
        catch (Exception e) when (e is IOException or RuntimeException)
        {
            support.Reason = e.Message;
        }
        finally
        {
            MountTable.UnmountBeneath(folder);
        }
    }

    private string? TryOverlay(UserNamespacePin users, string view)
    {
        using var layers = new MappedLayers(folders, users);
        Mounts.Overlay(view, OverlayOptions.Lower([layers.PathOf(folders.Layers), folders.Empty[0]]), readOnly: true);
        var owner = FileStatus.Find(view)!.Value.Uid;
        return owner == Ids.Outside ? null : $"overlayfs shows the owner {owner} where {Ids.Outside} is right; this needs Linux 5.19";
    }
}

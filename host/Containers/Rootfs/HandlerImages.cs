using System.Text.Json;
using Berth.Abstractions;
using Berth.Common;
using Berth.Images;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers.Rootfs;

/// <summary>
/// The copies of images that handlers with a store of their own keep. A copy is recorded before it is made; it goes when its image
/// has gone and no container of the handler is left that was made from it.
/// </summary>
public sealed class HandlerImages(
    HandlerImageTable table,
    ImageStore images,
    ImageViews views,
    Snapshots snapshots,
    BlockImages blocks,
    HandlerTable handlers,
    ContainerRegistry containers,
    SandboxRegistry sandboxes,
    ILogger<HandlerImages> log)
{
    private readonly KeyedLock _locks = new();

    /// <summary>Hands the image over. The handler answers at once if it has it, so this is asked for every container.</summary>
    public async Task EnsureAsync(GuardedHandler handler, ImageModel image)
    {
        using var turn = await LockAsync(handler.Name, image.Id, CancellationToken.None);
        table.Begin(handler.Name, image.Id);
        var holder = $"copy-{Guid.NewGuid():N}";
        await using var view = await views.OpenAsync(image);
        try
        {
            var request = new PrepareImageRequest
            {
                ImageId = image.Id,
                Source = await SourceAsync(handler, image, view, holder),
                ConfigJson = images.ReadConfig(image.Id) is { } config ? JsonSerializer.Deserialize<JsonElement>(config) : null,
                Names = [.. image.RepoTags, .. image.RepoDigests],
            };
            table.Complete(handler.Name, image.Id, await handler.PrepareImageAsync(request, CancellationToken.None));
        }
        finally
        {
            blocks.Release(holder);
        }
    }

    /// <summary>Releases copies that nobody needs, and what was half made. What fails is logged and tried again later.</summary>
    public async Task CollectAsync(CancellationToken cancellationToken)
    {
        foreach (var (name, imageId) in table.List())
        {
            if (handlers.Current.Handlers.GetValueOrDefault(name) is { Ready: true, Handler: { } handler })
            {
                await CollectAsync(handler, imageId, cancellationToken);
            }
        }
    }

    private async Task CollectAsync(GuardedHandler handler, string imageId, CancellationToken cancellationToken)
    {
        using var turn = await LockAsync(handler.Name, imageId, cancellationToken);
        if (!table.Contains(handler.Name, imageId) || (table.IsComplete(handler.Name, imageId) && images.Find(imageId) is not null) || IsUsed(handler.Name, imageId))
        {
            return;
        }

        try
        {
            await handler.ReleaseImageAsync(imageId, cancellationToken);
            table.Delete(handler.Name, imageId);
        }
        catch (RuntimeException e)
        {
            ContainerLog.CopyOwed(log, imageId, handler.Name, e.Message);
        }
    }

    private bool IsUsed(string handler, string imageId) =>
        containers.All().Any(c => c.ImageId == imageId && sandboxes.Get(c.SandboxId)?.Handler == handler);

    private async Task<RootfsSource> SourceAsync(GuardedHandler handler, ImageModel image, ImageView view, string holder) =>
        RootfsForms.ForStore(handler.Name, handler.Health.Features) switch
        {
            RootfsForm.Layers => new() { Form = RootfsForm.Layers, Layers = [.. snapshots.LayerFolders(image).Reverse()] },
            RootfsForm.Block => new() { Form = RootfsForm.Block, Path = await blocks.EnsureAsync(holder, image), FileSystem = BlockImages.FileSystem },
            _ => new() { Form = RootfsForm.Mounted, Path = view.Folder },
        };

    private Task<IDisposable> LockAsync(string handler, string imageId, CancellationToken cancellationToken) =>
        _locks.AcquireAsync($"{handler} {imageId}", cancellationToken);
}

using Berth.Abstractions;
using Berth.Images;
using Berth.Sandboxes;

namespace Berth.Containers.Rootfs;

/// <summary>
/// Makes a container's root file system in the form that its handler takes, and takes it away. Whatever the form, the image is
/// mounted at the container's folder: writable where that is the root file system, else as the read-only view that config.json is
/// made from and names. That mount's row also holds the layers for as long as the container exists.
/// </summary>
public sealed class RootfsProvider(Snapshots snapshots, BlockImages blocks, HandlerImages copies, ContainerPaths paths)
{
    /// <summary>Makes it; what a kill cuts off is found by <see cref="RemoveAsync"/>.</summary>
    public async Task<RootfsSource> MakeAsync(ContainerPlan plan)
    {
        var (id, image) = (plan.Container.Id, plan.Image);
        var form = RootfsForms.ForContainer(plan.Sandbox.Handler, plan.Check.Features);
        var folder = await snapshots.MountAsync(id, image, paths.Rootfs(id), readOnly: form != RootfsForm.Mounted, CancellationToken.None, PodUsers.Of(plan.Sandbox));
        switch (form)
        {
            case RootfsForm.Layers:
                return new() { Form = form, Layers = [.. snapshots.LayerFolders(image).Reverse()] };
            case RootfsForm.Block:
                return new() { Form = form, Path = await blocks.EnsureAsync(id, image), FileSystem = BlockImages.FileSystem };
            case RootfsForm.None:
                await copies.EnsureAsync(plan.Handler, image);
                return new() { Form = form };
            default:
                return new() { Form = form, Path = folder };
        }
    }

    /// <summary>Takes it away, whatever there is of it. An image's copy in a handler's store stays with the image.</summary>
    public async Task RemoveAsync(string containerId, CancellationToken cancellationToken)
    {
        await snapshots.RemoveAsync(containerId, paths.Rootfs(containerId), cancellationToken);
        blocks.Release(containerId);
    }
}

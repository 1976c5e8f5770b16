using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Rootfs;
using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Berth.Cri.Wire;
using Berth.Images;
using Berth.Metrics;
using Berth.Plugins;
using Grpc.Core;

namespace Berth.Cri;

/// <summary>CRI's ImageService; see <see cref="RuntimeService"/> for what is where.</summary>
[BindServiceMethod(typeof(StrictBinder), nameof(StrictBinder.Images))]
public sealed class ImageService(
    ImageStore store, BlockImages blocks, HandlerImages copies, ImagePuller puller, ImageFileSystem fileSystem, ContainerRegistry containers, HandlerTable handlers, BerthMetrics metrics, ILogger<ImageService> log) : Protos.ImageService.ImageServiceBase
{
    public override Task<ListImagesResponse> ListImages(ListImagesRequest request, ServerCallContext context)
    {
        var images = request.Filter?.Image?.Image is { Length: > 0 } reference
            ? store.Find(reference) is { } image ? [image] : []
            : store.List();
        return Task.FromResult(new ListImagesResponse { Images = { images.Select(ImageMapping.ToProto) } });
    }

    public override async Task StreamImages(StreamImagesRequest request, IServerStreamWriter<StreamImagesResponse> responseStream, ServerCallContext context)
    {
        var all = await ListImages(new() { Filter = request.Filter }, context);
        await ListStream.SendAsync(all.Images, static part => new StreamImagesResponse { Images = { part } }, responseStream, context.CancellationToken);
    }

    // An image that is not there is an answer without an image, not an error: so a kubelet learns that it must pull.
    public override Task<ImageStatusResponse> ImageStatus(ImageStatusRequest request, ServerCallContext context)
    {
        var answer = new ImageStatusResponse();
        if (store.Find(ImageMapping.Reference(request.Image)) is { } image)
        {
            answer.Image = ImageMapping.ToProto(image);
            if (request.Verbose)
            {
                answer.Info["info"] = VerboseInfo.Of(image);
            }
        }

        return Task.FromResult(answer);
    }

    public override async Task<PullImageResponse> PullImage(PullImageRequest request, ServerCallContext context)
    {
        var reference = ImageMapping.Reference(request.Image);
        var asked = ImageSpecMapping.ToDetails(request.Image, "image");
        handlers.Current.DemandKnown(asked.RuntimeHandler, "image.runtime_handler");
        var started = metrics.PullStart();
        var result = "ok";
        try
        {
            var image = await puller.PullAsync(reference, ImageMapping.Credentials(request.Auth), context.CancellationToken);
            image.DemandReference(asked.Reference, "image.image_ref");
            _ = store.SetAsked(image.Id, new(asked.Annotations, asked.RuntimeHandler));
            return new() { ImageRef = image.Id };
        }
        catch (Exception e)
        {
            result = e is RuntimeException failure ? failure.Code.ToString() : e.GetType().Name;
            throw;
        }
        finally
        {
            metrics.PullStop(started, result);
        }
    }

    public override async Task<RemoveImageResponse> RemoveImage(RemoveImageRequest request, ServerCallContext context)
    {
        var reference = ImageMapping.Reference(request.Image);
        var users = UsersOf(reference);
        await Task.Run(() => store.Remove(reference), context.CancellationToken);
        if (users.Length > 0)
        {
            log.RemovedInUse(reference, users);
        }

        blocks.Collect();
        await copies.CollectAsync(context.CancellationToken);
        return new();
    }

    // As an image, or as a volume of it.
    private string UsersOf(string reference) => store.Find(reference) is not { } image
        ? ""
        : string.Join(", ", containers.All().Where(c => c.ImageId == image.Id || c.VolumeImageIds.Contains(image.Id)).Select(static c => c.Id).Take(20));

    public override async Task<ImageFsInfoResponse> ImageFsInfo(ImageFsInfoRequest request, ServerCallContext context)
    {
        return ImageMapping.ToProto(await Task.Run(fileSystem.Read, context.CancellationToken));
    }
}

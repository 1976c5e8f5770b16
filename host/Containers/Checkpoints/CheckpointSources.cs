using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Images;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Containers.Checkpoints;

/// <summary>Finds what a container is to go on from, as far as the operator believes it, and what image that was made of.</summary>
public sealed class CheckpointSources(ImageStore images, ImageViews views, HandlerTable handlers)
{
    private const string ImagePrefix = "sha256:";

    private CheckpointOptions Options => handlers.Current.Options.Checkpoints;

    /// <summary>The same container; one whose image names an archive, or is a checkpoint, is told to go on from it.</summary>
    public ContainerSpec Recognise(ContainerSpec spec) =>
        spec.RestoreFrom is not null ? spec
        : spec.Image.StartsWith('/') ? spec with { RestoreFrom = spec.Image }
        : images.Find(spec.Image) is { } image && IsCheckpoint(spec, image) ? spec with { RestoreFrom = image.Id }
        : spec;

    /// <summary>What the container is made from; of a checkpoint, the image that the processes in it were started from.</summary>
    public async Task<ImageModel> FindImageAsync(ContainerSpec spec)
    {
        if (spec.RestoreFrom is not { } source)
        {
            return images.Find(spec.Image) ?? throw RuntimeException.NotFound($"container {spec.Name}: image {spec.Image} is not on this node: pull it first");
        }

        await using var checkpoint = await OpenAsync(spec.Name, source);
        var config = Parse(await checkpoint.ReadAsync(CheckpointNames.Config), spec.Name, source);

        // By its id alone: a name would be what somebody else calls so here.
        if (!config.RootfsImageRef.StartsWith(ImagePrefix, StringComparison.Ordinal) || config.RootfsImageRef.Length != ImagePrefix.Length + 64)
        {
            throw Wrong(spec.Name, source, "does not tell its image by its id (rootfsImageRef in config.dump)");
        }

        var image = images.Find(config.RootfsImageRef) ?? throw RuntimeException.NotFound(
            $"container {spec.Name}: the checkpoint {source} is of image {config.RootfsImageRef} ({Field(config.RootfsImageName)}), which is not on this node: pull it first");
        return spec.Image == source || images.Find(spec.Image) is not { } asked || asked.Id == image.Id || asked.Id == source
            ? image
            : throw RuntimeException.InvalidArgument(
                $"container {spec.Name}: the checkpoint {source} is of image {image.Id}, but the request asks for {spec.Image}, which is {asked.Id}");
    }

    /// <summary>Opens a checkpoint for reading.</summary>
    /// <exception cref="RuntimeException">It is not believed, or not there.</exception>
    internal async Task<ICheckpointSource> OpenAsync(string container, string source)
    {
        if (source.StartsWith(ImagePrefix, StringComparison.Ordinal))
        {
            return Options.RestoreImages
                ? new ImageSource(await views.OpenAsync(images.Get(source)), source)
                : throw RuntimeException.FailedPrecondition(
                    $"container {container}: image {source} is a checkpoint, and this node starts none from images; the operator allows it by checkpoints.restoreImages");
        }

        var folder = RequireBelieved($"container {container}", source);
        try
        {
            using var root = SafeFd.OpenDirectory(folder);
            return new ArchiveSource(FilesAt.OpenRegular(root, Encoding.UTF8.GetBytes(source[(folder.Length + 1)..])), source);
        }
        catch (LinuxException e)
        {
            throw e.IsNotFound
                ? RuntimeException.NotFound($"container {container}: there is no checkpoint {source}")
                : RuntimeException.InvalidArgument($"container {container}: the checkpoint {source} cannot be opened: {e.Message}");
        }
    }

    /// <summary>The folder that the operator believes and that the path is beneath.</summary>
    internal string RequireBelieved(string subject, string path) =>
        Options.RestoreFrom.Select(static f => f.TrimEnd('/')).FirstOrDefault(f => path.StartsWith(f + "/", StringComparison.Ordinal) && !path.Split('/').Contains(".."))
        ?? throw RuntimeException.FailedPrecondition(
            $"{subject}: checkpoint {path} is in no folder that this node restores from ({(Options.RestoreFrom.Count == 0 ? "there is none" : string.Join(", ", Options.RestoreFrom))}); the operator names them in checkpoints.restoreFrom");

    internal static RuntimeException Wrong(string container, string source, string why) =>
        RuntimeException.InvalidArgument($"container {container}: the checkpoint {source} {why}");

    // What has a command of its own is an ordinary image, whatever its annotations say.
    private bool IsCheckpoint(ContainerSpec spec, ImageModel image)
    {
        if (spec.Command.Count > 0 || image.Config is not { Entrypoint.Count: 0, Cmd.Count: 0 } || images.ReadManifest(image.Id) is not { } manifest)
        {
            return false;
        }

        using var json = JsonDocument.Parse(manifest);
        return json.RootElement.TryGetProperty("annotations", out var annotations) && annotations.ValueKind == JsonValueKind.Object
            && CheckpointNames.ImageAnnotations.Any(a => annotations.TryGetProperty(a, out _));
    }

    private static CheckpointConfig Parse(byte[]? content, string container, string source)
    {
        try
        {
            return content is null
                ? throw Wrong(container, source, $"has no {CheckpointNames.Config}")
                : JsonSerializer.Deserialize(content, CheckpointJson.Default.CheckpointConfig) ?? throw Wrong(container, source, $"has an empty {CheckpointNames.Config}");
        }
        catch (JsonException e)
        {
            throw Wrong(container, source, $"has a {CheckpointNames.Config} that cannot be read: {e.Message}");
        }
    }

    private static string Field(string text) => new([.. text.Where(static c => !char.IsControl(c)).Take(200)]);
}

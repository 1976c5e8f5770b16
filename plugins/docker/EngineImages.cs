using System.Globalization;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// The Engine's copies of images. A copy has the layers alone: what an image's config says (command, environment, user,
/// volumes) is in each container's config.json already, and the Engine would add it a second time. Copies are found by label.
/// </summary>
internal sealed class EngineImages(Engine engine, EngineCheck check, string owner)
{
    private const string ImageLabel = "dev.berth.image", InodesLabel = "dev.berth.inodes";
    private const string Registry = "berth.local";
    private const int LongestRepository = 200;

    // An image of several GiB on a slow disk; the gateway's own deadline comes first.
    private static readonly TimeSpan LoadLimit = TimeSpan.FromMinutes(30);

    /// <summary>The copy's name in the Engine.</summary>
    public async Task<string> NameAsync(string imageId, CancellationToken cancellationToken) =>
        (await FindAsync(imageId, cancellationToken).ConfigureAwait(false))?.ID
        ?? throw RuntimeException.FailedPrecondition($"image {imageId} was not handed to the Docker Engine, or was removed from it; pull it again");

    public async Task<PreparedImage> PrepareAsync(PrepareImageRequest request, CancellationToken cancellationToken)
    {
        if (request.Source is not { Form: RootfsForm.Layers, Layers.Count: > 0 })
        {
            throw RuntimeException.InvalidArgument($"image {request.ImageId}: it is taken as the folders of its layers, not as {request.Source.Form}");
        }

        var found = await FindAsync(request.ImageId, cancellationToken).ConfigureAwait(false)
            ?? await LoadAsync(request.ImageId, request.Source.Layers, Tag(request), Platform(request.ConfigJson), cancellationToken).ConfigureAwait(false);
        var root = await check.RootAsync(cancellationToken).ConfigureAwait(false);
        var inodes = found.Labels is not null && found.Labels.TryGetValue(InodesLabel, out var label) && long.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0;
        return new(found.Size, inodes, MountTable.Containing(root)?.MountPoint ?? root);
    }

    public async Task ReleaseAsync(string imageId, CancellationToken cancellationToken)
    {
        if (await FindAsync(imageId, cancellationToken).ConfigureAwait(false) is not { } found)
        {
            return;
        }

        try
        {
            await engine.CallAsync(
                $"remove image {imageId}",
                (c, token) => c.Images.DeleteImageAsync(found.ID, new() { Force = true }, token),
                cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            // Gone meanwhile.
        }
    }

    /// <summary>Loads an image, unless it is there.</summary>
    /// <param name="imageId">How it is found again.</param>
    /// <param name="layers">The folders of its layers, lowest first.</param>
    /// <param name="tag">Its name for people.</param>
    /// <param name="platform">Architecture and operating system.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ImagesListResponse> LoadAsync(
        string imageId, IReadOnlyList<string> layers, string tag, (string Architecture, string System) platform, CancellationToken cancellationToken)
    {
        try
        {
            var archive = await Task.Run(
                () => ImageArchive.Measure(layers, (digests, entries) => Config(imageId, platform, digests, entries), tag, cancellationToken),
                cancellationToken).ConfigureAwait(false);
            string? refusal = null;
            var progress = new Answers(message => refusal ??= message.Error?.Message);
            await using var content = archive.Open(cancellationToken);
            await engine.CallAsync(
                $"load image {imageId}", (c, token) => c.Images.LoadImageAsync(new() { Quiet = true }, content, progress, token), cancellationToken, LoadLimit).ConfigureAwait(false);
            return await FindAsync(imageId, cancellationToken).ConfigureAwait(false)
                ?? throw new RuntimeException(RuntimeErrorCode.Internal, $"the Docker Engine did not take image {imageId}: {refusal ?? "it gave no reason"}");
        }
        catch (IOException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"image {imageId} cannot be handed to the Docker Engine: {e.Message}", e);
        }
    }

    public async Task<ImagesListResponse?> FindAsync(string imageId, CancellationToken cancellationToken)
    {
        var labels = new Dictionary<string, bool> { [$"{ImageLabel}={imageId}"] = true, [$"{EngineObjects.OwnerLabel}={owner}"] = true };
        var parameters = new ImagesListParameters { Filters = new Dictionary<string, IDictionary<string, bool>> { ["label"] = labels } };
        var found = await engine.CallAsync($"find image {imageId}", (c, token) => c.Images.ListImagesAsync(parameters, token), cancellationToken).ConfigureAwait(false);
        return found.FirstOrDefault();
    }

    private object Config(string imageId, (string Architecture, string System) platform, IReadOnlyList<string> digests, long entries) => new
    {
        architecture = platform.Architecture,
        os = platform.System,
        config = new
        {
            Labels = new Dictionary<string, string>
            {
                [EngineObjects.OwnerLabel] = owner,
                [ImageLabel] = imageId,
                [InodesLabel] = entries.ToString(CultureInfo.InvariantCulture),
            },
        },
        rootfs = new { type = "layers", diff_ids = digests },
    };

    private static (string Architecture, string System) Platform(JsonElement? config) =>
        (Text(config, "architecture") ?? Kernel.Architecture, Text(config, "os") ?? "linux");

    private static string? Text(JsonElement? json, string name) =>
        json is { ValueKind: JsonValueKind.Object } o && o.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // berth.local/docker.io/library/busybox:<hex>: a registry of this name does not exist, so nothing is ever pulled.
    private static string Tag(PrepareImageRequest request)
    {
        var name = request.Names.Count > 0 ? request.Names[0] : "image";
        var repository = name.Split('@')[0];
        var colon = repository.LastIndexOf(':');
        repository = colon > repository.LastIndexOf('/') ? repository[..colon] : repository;
        var parts = repository.Split('/').Select(static p => string.Concat(p.ToLowerInvariant().Select(static c => char.IsAsciiLetterOrDigit(c) || c == '.' ? c : '-')).Trim('-', '.'))
            .Where(static p => p.Length > 0 && !p.Contains("..", StringComparison.Ordinal));
        var path = string.Join('/', parts);
        path = path.Length is 0 or > LongestRepository ? "image" : path;
        return $"{Registry}/{path}:{request.ImageId.Split(':')[^1]}";
    }

    // In the order that they come, unlike Progress<T>.
    private sealed class Answers(Action<JSONMessage> take) : IProgress<JSONMessage>
    {
        public void Report(JSONMessage value) => take(value);
    }
}

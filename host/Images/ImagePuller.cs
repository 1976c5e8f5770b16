using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Common;
using Berth.Configuration;
using Berth.Images.Layers;
using Berth.Images.Manifests;
using Berth.Images.Registries;
using Berth.Metrics;

namespace Berth.Images;

/// <summary>
/// Pulls an image: which digest, its manifest for this machine, its configuration, its layers, then one row. Equal pulls
/// with equal credentials are one; a caller that gives up leaves it running, and its retry joins.
/// </summary>
public sealed class ImagePuller(
    RegistryClient registries, LayerStore layers, ImageStore images, ImagesOptions options, TimeProvider time, ILogger<ImagePuller> logger) : IDisposable
{
    private const int DeepestIndex = 2;

    private readonly SingleFlight<ImageModel> _pulls = new();
    private readonly ConcurrentDictionary<string, PullProgress> _progress = new();
    private readonly SemaphoreSlim _slots = new(options.MaxParallelPulls);

    /// <summary>Pulls by tag or digest.</summary>
    /// <exception cref="RuntimeException">InvalidArgument, NotFound, PermissionDenied, Unavailable, DataLoss or ResourceExhausted.</exception>
    public Task<ImageModel> PullAsync(string reference, RegistryCredentials? credentials, CancellationToken cancellationToken) =>
        Begin(reference, credentials, cancellationToken).Image;

    /// <summary>Pulls, or joins the pull that runs, and shows how far it is.</summary>
    public RunningPull Begin(string reference, RegistryCredentials? credentials, CancellationToken cancellationToken)
    {
        var parsed = ImageReference.Parse(reference);
        var key = $"{parsed} {credentials?.Fingerprint()}";
        var progress = _progress.GetOrAdd(key, static _ => new());
        return new(_pulls.RunAsync(key, () => PullInTurnAsync(key, parsed, credentials, progress), cancellationToken), progress);
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    private async Task<ImageModel> PullInTurnAsync(string key, ImageReference reference, RegistryCredentials? credentials, PullProgress progress)
    {
        await _slots.WaitAsync();
        try
        {
            return await PullAsync(reference, credentials, progress);
        }
        finally
        {
            _slots.Release();
            _progress.TryRemove(key, out _);
        }
    }

    private async Task<ImageModel> PullAsync(ImageReference reference, RegistryCredentials? credentials, PullProgress progress)
    {
        var started = time.GetTimestamp();
        using var session = registries.Open(reference, credentials, progress);
        if (await TryReuseAsync(session, reference) is { } present)
        {
            return present;
        }

        var stage = time.GetTimestamp();
        var top = await session.FetchManifestAsync(null, CancellationToken.None);
        var (manifest, content) = await ChooseAsync(session, reference, top);
        var config = await session.FetchConfigAsync(manifest.Config, CancellationToken.None);
        var blobs = LayerList.Match(manifest.Layers, ImageConfig.Parse(config, reference.ToString()), reference.ToString());
        stage = Stage("manifests", stage);
        progress.Expect(blobs);
        using var lease = await layers.EnsureAsync(blobs, session, CancellationToken.None);
        Stage("layers", stage);
        var image = images.Put(new()
        {
            Id = manifest.Config.Digest,
            Config = config,
            Manifest = content,
            ManifestDigest = top.Digest,
            LayerIds = lease.Ids,
            Names = [.. new[] { reference.Name, reference.NameOf(top.Digest) }.Distinct()],
        });
        logger.Pulled(reference.ToString(), session.Host, image.Id, image.LayerIds.Count, image.SizeBytes, (long)time.GetElapsedTime(started).TotalMilliseconds);
        return image;
    }

    private long Stage(string name, long started)
    {
        BerthTraces.Record(name, time.GetUtcNow(), time.GetElapsedTime(started), null);
        return time.GetTimestamp();
    }

    // Where an image of the repository is here, a HEAD alone often shows that nothing changed; registries do not count it as
    // a pull. It is asked even for a digest that is here: the caller's right to pull is the registry's to grant.
    private async Task<ImageModel?> TryReuseAsync(RegistrySession session, ImageReference reference)
    {
        if (!images.HasRepository(reference.Repository)
            || await session.ResolveAsync(CancellationToken.None) is not { } digest
            || (reference.Digest is { } wanted && wanted != digest)
            || images.Find(reference.NameOf(digest)) is not { } image)
        {
            return null;
        }

        return image.RepoTags.Contains(reference.Name) || image.RepoDigests.Contains(reference.Name)
            ? image
            : images.AddName(image.Id, reference.Name);
    }

    private static async Task<(Manifest Manifest, byte[] Content)> ChooseAsync(RegistrySession session, ImageReference reference, FetchedManifest fetched)
    {
        var document = ManifestParser.Parse(fetched.Content, fetched.MediaType, reference.ToString());
        for (var depth = 0; document is ManifestIndex index; depth++)
        {
            if (depth == DeepestIndex)
            {
                throw RuntimeException.InvalidArgument($"image {reference}: its indexes lead to further indexes, more than {DeepestIndex} deep");
            }

            var chosen = PlatformChoice.Choose(index, reference.ToString()).Descriptor;
            fetched = await session.FetchManifestAsync(chosen.Digest, CancellationToken.None);
            // The type is bound to the descriptor that was hashed, not to what the server says now.
            document = ManifestParser.Parse(fetched.Content, chosen.MediaType, reference.ToString());
        }

        return ((Manifest)document, fetched.Content);
    }
}

/// <summary>A pull that runs, or has ended.</summary>
/// <param name="Image">Its result.</param>
/// <param name="Progress">How far it is.</param>
public sealed record RunningPull(Task<ImageModel> Image, PullProgress Progress);

using System.Net;
using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Images.Manifests;

namespace Berth.Images.Registries;

/// <summary>A manifest as it came.</summary>
internal sealed record FetchedManifest(Digest Digest, string? MediaType, byte[] Content);

/// <summary>
/// One pull's talk with the endpoints of a registry: mirrors in their order, then the registry itself. What fails at one is
/// asked of the next; the registry's own answer is the one that counts.
/// </summary>
internal sealed class RegistrySession(ImageReference reference, IReadOnlyList<EndpointClient> clients, DownloadContext context)
    : IBlobSource, IDisposable
{
    private const int LargestManifestBytes = 4 * 1024 * 1024, LargestConfigBytes = 8 * 1024 * 1024;
    private const int MostTries = 3;

    /// <summary>The host that answered last.</summary>
    public string Host { get; private set; } = reference.Registry;

    /// <summary>Asks which digest the reference has now, without its manifest; null if the registry does not say.</summary>
    public Task<Digest?> ResolveAsync(CancellationToken cancellationToken) => TryEachAsync<Digest?>(ManifestName(null), c => c.CanResolve, async client =>
    {
        using var response = await client.SendAsync(HttpMethod.Head, ManifestPath(null), manifest: true, 0, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => HeaderDigest(response),
            HttpStatusCode.MethodNotAllowed => null,
            _ => throw await RegistryError.FromAsync(response, client.Endpoint.Host, ManifestName(null), client.Transport, cancellationToken),
        };
    }, cancellationToken);

    /// <summary>Fetches a manifest: that of the reference, or with a digest one that an index names.</summary>
    public Task<FetchedManifest> FetchManifestAsync(Digest? digest, CancellationToken cancellationToken)
    {
        var wanted = digest ?? reference.Digest;
        return TryEachAsync(ManifestName(digest), e => wanted is null ? e.CanResolve : e.CanPull, async client =>
        {
            using var response = await client.SendAsync(HttpMethod.Get, ManifestPath(digest), manifest: true, 0, cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw await RegistryError.FromAsync(response, client.Endpoint.Host, ManifestName(digest), client.Transport, cancellationToken);
            }

            var content = await client.Transport.ReadAsync(response, LargestManifestBytes, cancellationToken);
            var expected = wanted ?? HeaderDigest(response) ?? Digest.Of(content);
            return expected.Matches(content)
                ? new FetchedManifest(expected, response.Content.Headers.ContentType?.MediaType, content)
                : throw Lie(client, ManifestName(digest), expected);
        }, cancellationToken);
    }

    /// <summary>Fetches a configuration and checks it.</summary>
    public Task<byte[]> FetchConfigAsync(Descriptor config, CancellationToken cancellationToken) =>
        TryEachAsync($"the configuration {config.Digest}", static e => e.CanPull, async client =>
        {
            using var response = await OpenAsync(client, config.Digest, cancellationToken);
            var content = await client.Transport.ReadAsync(response, LargestConfigBytes, cancellationToken);
            return content.LongLength == config.SizeBytes && config.Digest.Matches(content)
                ? content
                : throw Lie(client, "its configuration", config.Digest);
        }, cancellationToken);

    /// <inheritdoc/>
    public Task<Stream> OpenBlobAsync(LayerBlob blob, CancellationToken cancellationToken)
    {
        var digest = blob.Digest ?? throw new InvalidOperationException("a registry's layer always has a digest");
        return TryEachAsync<Stream>($"the layer {digest}", static e => e.CanPull, async client =>
        {
            var response = await OpenAsync(client, digest, cancellationToken);
            return new BlobStream(client, BlobPath(digest), digest, blob.SizeBytes, response, context);
        }, cancellationToken);
    }

    public void Dispose()
    {
        foreach (var client in clients)
        {
            client.Dispose();
        }
    }

    private async Task<HttpResponseMessage> OpenAsync(EndpointClient client, Digest digest, CancellationToken cancellationToken)
    {
        var response = await client.SendAsync(HttpMethod.Get, BlobPath(digest), manifest: false, 0, cancellationToken);
        if (response.StatusCode == HttpStatusCode.OK)
        {
            return response;
        }

        using (response)
        {
            throw await RegistryError.FromAsync(response, client.Endpoint.Host, $"{digest} of {reference.Repository}", client.Transport, cancellationToken);
        }
    }

    private async Task<T> TryEachAsync<T>(
        string what, Func<RegistryEndpoint, bool> fits, Func<EndpointClient, Task<T>> ask, CancellationToken cancellationToken)
    {
        var failures = new List<RuntimeException>();
        foreach (var client in clients.Where(c => fits(c.Endpoint)))
        {
            try
            {
                var answer = await TryAgainAsync(client, ask, cancellationToken);
                Host = client.Endpoint.Host;
                return answer;
            }
            catch (RuntimeException e)
            {
                context.Logger.EndpointFailed(client.Endpoint.Host, what, e.Message);
                failures.Add(e);
            }
        }

        throw failures.Count == 0
            ? RuntimeException.FailedPrecondition($"image {reference}: hosts.toml gives no host of {reference.Registry} the capability to serve {what}")
            : new RuntimeException(failures[^1].Code, $"image {reference}: {string.Join("; ", failures.Select(static f => f.Message))}", failures[^1]);
    }

    // A mirror has a stand-in, so only the registry itself is asked again.
    private async Task<T> TryAgainAsync<T>(EndpointClient client, Func<EndpointClient, Task<T>> ask, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await ask(client);
            }
            catch (RuntimeException e) when (e.Code == RuntimeErrorCode.Unavailable && client.Endpoint.IsServer && tries < MostTries)
            {
                await Task.Delay(Backoff.After(tries), context.Time, cancellationToken);
            }
        }
    }

    private string ManifestName(Digest? digest) => digest is { } d ? $"the manifest {d} of {reference.Repository}" : $"{reference}";

    private string ManifestPath(Digest? digest) => $"/{reference.Path}/manifests/{(digest ?? reference.Digest)?.Value ?? reference.Tag}";

    private string BlobPath(Digest digest) => $"/{reference.Path}/blobs/{digest}";

    private static Digest? HeaderDigest(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest) ? digest : null;

    private static RuntimeException Lie(EndpointClient client, string what, Digest expected) => new(
        RuntimeErrorCode.DataLoss, $"registry {client.Endpoint.Host}: {what} is not what its digest {expected} says; the registry's copy or the way to it is broken");
}

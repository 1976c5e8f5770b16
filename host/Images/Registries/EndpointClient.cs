using System.Net;
using System.Net.Http.Headers;
using Berth.Abstractions;
using Berth.Images.Manifests;

namespace Berth.Images.Registries;

/// <summary>
/// Requests to one endpoint. Credentials and the headers of hosts.toml go to that endpoint's own address only: a redirect to
/// another (object stores, CDNs) is followed without them, and what asks for credentials there gets none.
/// </summary>
internal sealed class EndpointClient(RegistryEndpoint endpoint, RegistryAuthorizer authorizer, string registry, StallTimer stall) : IDisposable
{
    private const int MostRedirects = 5;

    private readonly RegistryTransport _transport = new(endpoint, stall);
    private Uri _api = endpoint.Api;

    public RegistryEndpoint Endpoint => endpoint;

    public RegistryTransport Transport => _transport;

    /// <summary>Asks for a path beneath the API, with credentials if the endpoint wants them. Any status is an answer.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="path">Beneath the API's root, beginning with a slash.</param>
    /// <param name="manifest">Ask for manifests of all kinds.</param>
    /// <param name="offset">The first byte that is wanted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, bool manifest, long offset, CancellationToken cancellationToken)
    {
        var response = await FollowAsync(method, path, manifest, offset, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized && IsOwn(response.RequestMessage!.RequestUri!))
        {
            using (response)
            {
                if (!await authorizer.AnswerAsync(response, _api, _transport, cancellationToken))
                {
                    throw await RegistryError.FromAsync(response, endpoint.Host, path[1..], _transport, cancellationToken);
                }
            }

            response = await FollowAsync(method, path, manifest, offset, cancellationToken);
        }

        return response;
    }

    public void Dispose() => _transport.Dispose();

    private async Task<HttpResponseMessage> FollowAsync(HttpMethod method, string path, bool manifest, long offset, CancellationToken cancellationToken)
    {
        var target = Target(path);
        for (var redirects = 0; redirects <= MostRedirects; redirects++)
        {
            var response = await SendOnceAsync(method, target, manifest, offset, path, cancellationToken);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
            {
                return response;
            }

            var from = response.RequestMessage!.RequestUri!;
            response.Dispose();
            target = new Uri(from, location);
            if (target.Scheme != Uri.UriSchemeHttps && !(target.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp))
            {
                throw RuntimeException.FailedPrecondition($"registry {endpoint.Host} redirects {path[1..]} to {target.Scheme}://{target.Authority}, away from https: not followed");
            }
        }

        throw RuntimeException.Unavailable($"registry {endpoint.Host} redirects {path[1..]} more than {MostRedirects} times");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpMethod method, Uri target, bool manifest, long offset, string path, CancellationToken cancellationToken)
    {
        try
        {
            return await _transport.SendAsync(Request(method, target, manifest, offset), cancellationToken);
        }
        catch (RuntimeException e) when (
            endpoint.MayFallBackToHttp && target.Scheme == Uri.UriSchemeHttps && IsOwn(target)
            && e.InnerException is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError })
        {
            _api = new UriBuilder(_api) { Scheme = Uri.UriSchemeHttp, Port = _api.Port }.Uri;
            return await _transport.SendAsync(Request(method, Target(path), manifest, offset), cancellationToken);
        }
    }

    private HttpRequestMessage Request(HttpMethod method, Uri target, bool manifest, long offset)
    {
        var request = new HttpRequestMessage(method, target);
        if (manifest)
        {
            MediaTypes.Manifests.ToList().ForEach(t => request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(t)));
        }

        if (offset > 0)
        {
            request.Headers.Range = new RangeHeaderValue(offset, null);
        }

        if (IsOwn(target))
        {
            request.Headers.Authorization = authorizer.Header;
            foreach (var (name, value) in endpoint.Headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return request;
    }

    // A mirror that serves several registries tells them apart by "ns", as containerd's mirrors do.
    private Uri Target(string path) => new(
        _api.ToString().TrimEnd('/') + path + (endpoint.IsServer ? "" : $"?ns={Uri.EscapeDataString(registry)}"));

    private bool IsOwn(Uri uri) => uri.Scheme == _api.Scheme && uri.Authority == _api.Authority;
}

using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Images.Registries;

/// <summary>
/// Answers one endpoint's challenges for one pull, by the distribution project's token protocol (docs "Token Authentication
/// Specification" and "OAuth2 Token Authentication"). What it knows is forgotten with the pull.
/// </summary>
internal sealed class RegistryAuthorizer(RegistryEndpoint endpoint, RegistryCredentials? credentials, string repositoryPath)
{
    private const int LargestTokenBytes = 1024 * 1024;

    /// <summary>What to send with a request to the endpoint's own host; null for nothing yet.</summary>
    public AuthenticationHeaderValue? Header { get; private set; }

    /// <summary>Takes up a refusal; true if the request is worth another try.</summary>
    public async Task<bool> AnswerAsync(HttpResponseMessage refusal, Uri api, RegistryTransport transport, CancellationToken cancellationToken)
    {
        var challenges = refusal.Headers.WwwAuthenticate.Select(static h => AuthChallenge.Parse(h.Scheme, h.Parameter)).ToList();
        var before = Header;
        if (challenges.Find(static c => c.IsBearer) is { } bearer)
        {
            Header = new("Bearer", credentials?.RegistryToken is { Length: > 0 } token ? token : await FetchTokenAsync(bearer, api, transport, cancellationToken));
        }
        else if (challenges.Exists(static c => c.IsBasic) && credentials?.Basic() is { } basic)
        {
            Header = new("Basic", basic);
        }

        return Header is not null && !Header.Equals(before);
    }

    private async Task<string> FetchTokenAsync(AuthChallenge challenge, Uri api, RegistryTransport transport, CancellationToken cancellationToken)
    {
        var realm = Realm(challenge, api);
        var scope = challenge.Parameter("scope") ?? $"repository:{repositoryPath}:pull";
        using var request = credentials?.IdentityToken is { Length: > 0 } refresh
            ? RefreshRequest(realm, challenge.Parameter("service") ?? "", scope, refresh)
            : TokenRequest(realm, challenge.Parameter("service"), scope);
        using var response = await transport.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw await RegistryError.FromAsync(response, realm.Authority, $"a token for {scope}", transport, cancellationToken);
        }

        var body = await transport.ReadAsync(response, LargestTokenBytes, cancellationToken);
        return ParseToken(body, realm);
    }

    private HttpRequestMessage TokenRequest(Uri realm, string? service, string scope)
    {
        var query = $"scope={Uri.EscapeDataString(scope)}" + (service is null ? "" : $"&service={Uri.EscapeDataString(service)}");
        var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(realm) { Query = realm.Query.Length > 1 ? $"{realm.Query[1..]}&{query}" : query }.Uri);
        request.Headers.Authorization = credentials?.Basic() is { } basic ? new("Basic", basic) : null;
        return request;
    }

    private static HttpRequestMessage RefreshRequest(Uri realm, string service, string scope, string refreshToken) => new(HttpMethod.Post, realm)
    {
        Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["client_id"] = "berth",
            ["service"] = service,
            ["scope"] = scope,
            ["refresh_token"] = refreshToken,
        }),
    };

    // The credentials go there: over TLS to where the registry says, since it would see them itself; without TLS only back to
    // a registry that is spoken to without TLS anyway.
    private Uri Realm(AuthChallenge challenge, Uri api)
    {
        var allowed = Uri.TryCreate(challenge.Parameter("realm"), UriKind.Absolute, out var realm)
            && realm.UserInfo.Length == 0
            && (realm.Scheme == Uri.UriSchemeHttps || (realm.Scheme == Uri.UriSchemeHttp && api.Scheme == Uri.UriSchemeHttp && realm.Host == api.Host));
        return allowed ? realm! : throw new RuntimeException(
            RuntimeErrorCode.PermissionDenied, $"registry {endpoint.Host} wants its tokens fetched from '{realm}', where credentials may not be sent: not https");
    }

    private string ParseToken(byte[] body, Uri realm)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            var token = (root.TryGetProperty("token", out var value) || root.TryGetProperty("access_token", out value)) ? value.GetString() : null;
            // A token becomes a header's value.
            if (!string.IsNullOrEmpty(token) && !token.AsSpan().ContainsAnyExceptInRange('!', '~'))
            {
                return token;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw RuntimeException.Unavailable($"registry {endpoint.Host}: {realm.Authority} answered with no token but something malformed");
        }

        throw RuntimeException.Unavailable($"registry {endpoint.Host}: {realm.Authority} gave no token");
    }
}

using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Abstractions;

namespace Berth.Images.Registries;

/// <summary>
/// HTTP to one endpoint for one pull: its TLS settings, bounded bodies, and a limit on silence instead of one on time, since
/// no total is right for every layer and line.
/// </summary>
internal sealed class RegistryTransport : IDisposable
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(15);

    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _invoker;
    private readonly StallTimer _stall;
    private readonly string _host;

    public RegistryTransport(RegistryEndpoint endpoint, StallTimer stall)
    {
        (_host, _stall) = (endpoint.Host, stall);
        _handler = new()
        {
            AllowAutoRedirect = false, // ours drops credentials
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None, // digests are of the bytes as they are
            ConnectTimeout = ConnectLimit,
            UseProxy = !endpoint.Api.IsLoopback,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            MaxResponseHeadersLength = 64,
            InitialHttp2StreamWindowSize = 1024 * 1024,
            SslOptions = Tls(endpoint),
        };
        _invoker = new(_handler);
    }

    /// <summary>Sends; the answer's body is not read yet.</summary>
    /// <exception cref="RuntimeException">Nobody answers: Unavailable.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.UserAgent.ParseAdd("berth");
        try
        {
            return await _stall.RunAsync(token => new ValueTask<HttpResponseMessage>(_invoker.SendAsync(request, token)), cancellationToken);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            throw new RuntimeException(RuntimeErrorCode.Unavailable, $"registry {_host}: no TLS with it: {(e.InnerException ?? e).Message}; see 'ca', 'skip_verify' and http:// in hosts.toml", e);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException)
        {
            throw RuntimeException.Unavailable($"registry {_host} cannot be reached: {e.Message}", e);
        }
    }

    /// <summary>Reads a small body.</summary>
    /// <exception cref="RuntimeException">It is larger than the limit, or breaks off.</exception>
    public async Task<byte[]> ReadAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            using var content = new MemoryStream();
            var buffer = new byte[32 * 1024];
            while (await _stall.RunAsync(token => body.ReadAsync(buffer, token), cancellationToken) is > 0 and var count)
            {
                if (content.Length + count > limit)
                {
                    throw RuntimeException.InvalidArgument($"registry {_host} sent more than {limit} bytes where no more are allowed");
                }

                content.Write(buffer, 0, count);
            }

            return content.ToArray();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException)
        {
            throw RuntimeException.Unavailable($"registry {_host} broke off: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _invoker.Dispose();
        _handler.SslOptions.ClientCertificates?.OfType<X509Certificate2>().ToList().ForEach(static c => c.Dispose());
        _handler.Dispose();
    }

    private static SslClientAuthenticationOptions Tls(RegistryEndpoint endpoint)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            endpoint.CaFiles.ToList().ForEach(authorities.ImportFromPemFile);
            return new()
            {
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ClientCertificates = [.. endpoint.ClientFiles.Select(static f => X509Certificate2.CreateFromPemFile(f.Certificate, f.Key))],
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    errors == SslPolicyErrors.None || endpoint.SkipVerify || IsTrusted(authorities, certificate, chain, errors),
            };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"the certificates in hosts.toml for {endpoint.Host} cannot be read: {e.Message}", e);
        }
    }

    private static bool IsTrusted(X509Certificate2Collection authorities, X509Certificate? certificate, X509Chain? given, SslPolicyErrors errors)
    {
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || authorities.Count == 0 || certificate is not X509Certificate2 leaf)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        foreach (var sent in given?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(sent.Certificate);
        }

        return chain.Build(leaf);
    }
}

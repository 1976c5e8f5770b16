using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A real registry on the loopback address, its storage in a folder that a test may spoil.</summary>
public sealed class Registry : IAsyncDisposable
{
    public const string User = "captain";
    public const string Password = "harbour";

    // bcrypt of the password, the only form that the registry takes.
    private const string PasswordHash = "$2b$04$h3bJnbNF.OyrD0P4EDsqLOF6VvBZj/9hjqcHpKNUZsfLJg6rqRH1a";

    private readonly TempFolder _folder;
    private readonly Daemon _daemon;
    private readonly HttpClient _http;

    private Registry(TempFolder folder, Daemon daemon, HttpClient http, string host) =>
        (_folder, _daemon, _http, Host) = (folder, daemon, http, host);

    /// <summary>host:port, the first part of a reference.</summary>
    public string Host { get; }

    /// <summary>The certificate that signs it, if it speaks TLS.</summary>
    public string CertificatePath => _folder["tls.crt"];

    /// <summary>The registry's log: one line for each request.</summary>
    public string Log => _daemon.Log;

    public static async Task<Registry> StartAsync(RegistryAccess access = RegistryAccess.Open)
    {
        var folder = new TempFolder();
        var port = FreePort.Next();
        var host = $"127.0.0.1:{port}";
        var config = folder.File("config.yml", Configuration(folder, host, access));
        var daemon = Daemon.Launch(
            "docker-registry",
            new Command { Path = Repository.Tool("docker-registry", "usr/bin/docker-registry"), Arguments = ["serve", config] },
            folder["log"]);
        var registry = new Registry(folder, daemon, Client(access, host), host);
        await daemon.ReadyAsync(registry.AnswersAsync);
        return registry;
    }

    /// <summary>Pushes an image and returns its reference.</summary>
    public async Task<string> PushAsync(string repository, string tag, TestImage image)
    {
        await PushBlobsAsync(repository, image);
        await PutManifestAsync(repository, tag, TestImage.ManifestType, image.Manifest);
        return $"{Host}/{repository}:{tag}";
    }

    /// <summary>Pushes images and an index over them.</summary>
    public async Task<string> PushIndexAsync(string repository, string tag, params TestImage[] images)
    {
        foreach (var image in images)
        {
            await PushBlobsAsync(repository, image);
            await PutManifestAsync(repository, image.ManifestDigest, TestImage.ManifestType, image.Manifest);
        }

        await PutManifestAsync(repository, tag, TestImage.IndexType, TestImage.Index(images));
        return $"{Host}/{repository}:{tag}";
    }

    /// <summary>The file in which it stores a blob: what is written there is what it serves, unverified.</summary>
    public string BlobPath(string digest)
    {
        var hex = digest["sha256:".Length..];
        return _folder[$"storage/docker/registry/v2/blobs/sha256/{hex[..2]}/{hex}/data"];
    }

    public async ValueTask DisposeAsync()
    {
        await _daemon.DisposeAsync();
        _http.Dispose();
        _folder.Dispose();
    }

    private static string Configuration(TempFolder folder, string host, RegistryAccess access)
    {
        var text = new StringBuilder($$"""
            version: 0.1
            storage: { filesystem: { rootdirectory: {{folder.Folder("storage")}} } }
            http:
              addr: {{host}}

            """);
        if (access == RegistryAccess.Tls)
        {
            WriteCertificate(folder);
            text.Append($$"""  tls: { certificate: {{folder["tls.crt"]}}, key: {{folder["tls.key"]}} }""");
        }

        if (access == RegistryAccess.Password)
        {
            text.Append($$"""auth: { htpasswd: { realm: berth, path: {{folder.File("htpasswd", $"{User}:{PasswordHash}\n")}} } }""");
        }

        return text.ToString();
    }

    private static void WriteCertificate(TempFolder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=registry of a test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        folder.File("tls.crt", certificate.ExportCertificatePem());
        folder.File("tls.key", key.ExportPkcs8PrivateKeyPem());
    }

    private static HttpClient Client(RegistryAccess access, string host)
    {
        var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = static (_, _, _, _) => true };
        var client = new HttpClient(handler) { BaseAddress = new Uri($"{(access == RegistryAccess.Tls ? "https" : "http")}://{host}/v2/"), Timeout = TimeSpan.FromMinutes(5) };
        if (access == RegistryAccess.Password)
        {
            client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));
        }

        return client;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            using var response = await _http.GetAsync("");
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task PushBlobsAsync(string repository, TestImage image)
    {
        foreach (var blob in (IEnumerable<byte[]>)[image.Config, .. image.Layers.Select(static l => l.Blob)])
        {
            using var start = await _http.PostAsync($"{repository}/blobs/uploads/", null);
            start.EnsureSuccessStatusCode();
            var separator = start.Headers.Location!.ToString().Contains('?', StringComparison.Ordinal) ? '&' : '?';
            using var content = new ByteArrayContent(blob);
            content.Headers.ContentType = new("application/octet-stream");
            using var end = await _http.PutAsync($"{start.Headers.Location}{separator}digest={Uri.EscapeDataString(TestImage.Digest(blob))}", content);
            end.EnsureSuccessStatusCode();
        }
    }

    private async Task PutManifestAsync(string repository, string reference, string mediaType, byte[] manifest)
    {
        using var content = new ByteArrayContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        using var response = await _http.PutAsync($"{repository}/manifests/{reference}", content);
        response.EnsureSuccessStatusCode();
    }
}

public enum RegistryAccess
{
    Open,
    Password,
    Tls,
}

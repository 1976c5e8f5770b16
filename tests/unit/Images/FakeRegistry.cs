using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Berth.Images;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Unit.Images;

/// <summary>A registry on loopback that can be told to misbehave.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeRegistry(WebApplication app) => _app = app;

    /// <summary>Host and port.</summary>
    public string Host => new Uri(_app.Urls.First()).Authority;

    /// <summary>Content by path.</summary>
    public ConcurrentDictionary<string, (string Type, byte[] Content)> Files { get; } = [];

    /// <summary>Every request: method, path with query, and authorisation.</summary>
    public ConcurrentQueue<(string Request, string? Authorization)> Requests { get; } = [];

    /// <summary>Runs first; true if it has answered.</summary>
    public Func<HttpContext, Task<bool>>? Before { get; set; }

    public static async Task<FakeRegistry> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var registry = new FakeRegistry(builder.Build());
        registry._app.Run(registry.AnswerAsync);
        await registry._app.StartAsync();
        return registry;
    }

    /// <summary>Stores an image; its config's digest.</summary>
    public Digest Put(string repository, string tag, params byte[][] layers) => Put(repository, tag, "", layers);

    public Digest Put(string repository, string tag, string user, params byte[][] layers)
    {
        var zipped = layers.Select(Gzip).ToList();
        zipped.ForEach(z => Files[$"/v2/{repository}/blobs/{Digest.Of(z)}"] = ("application/octet-stream", z));
        var config = Encoding.UTF8.GetBytes(
            $$$"""{"os":"linux","architecture":"amd64","config":{"User":"{{{user}}}","Cmd":["true"]},"rootfs":{"type":"layers","diff_ids":[{{{string.Join(',', layers.Select(static l => $"\"{Digest.Of(l)}\""))}}}]}}""");
        Files[$"/v2/{repository}/blobs/{Digest.Of(config)}"] = ("application/octet-stream", config);
        PutManifest(repository, tag, Manifest(config, zipped));
        return Digest.Of(config);
    }

    public static string Manifest(byte[] config, IReadOnlyList<byte[]> zipped) =>
        $$"""
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
         "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Digest.Of(config)}}","size":{{config.Length}}},
         "layers":[{{string.Join(',', zipped.Select(static z => $$"""{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{{Digest.Of(z)}}","size":{{z.Length}}}"""))}}]}
        """;

    public Digest PutManifest(string repository, string tag, string manifest, string type = "application/vnd.oci.image.manifest.v1+json")
    {
        var content = Encoding.UTF8.GetBytes(manifest);
        Files[$"/v2/{repository}/manifests/{tag}"] = (type, content);
        Files[$"/v2/{repository}/manifests/{Digest.Of(content)}"] = (type, content);
        return Digest.Of(content);
    }

    public static byte[] Gzip(byte[] content)
    {
        using var zipped = new MemoryStream();
        using (var gzip = new GZipStream(zipped, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return zipped.ToArray();
    }

    public int Count(string part) => Requests.Count(r => r.Request.Contains(part, StringComparison.Ordinal));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        Requests.Enqueue(($"{request.Method} {request.GetEncodedPathAndQuery()}", request.Headers.Authorization.FirstOrDefault()));
        if (Before is not null && await Before(context))
        {
            return;
        }

        if (!Files.TryGetValue(request.Path.Value!, out var file))
        {
            context.Response.StatusCode = 404;
            await context.Response.WriteAsync("""{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}""");
            return;
        }

        await SendAsync(context, file.Type, file.Content);
    }

    private static async Task SendAsync(HttpContext context, string type, byte[] content)
    {
        var response = context.Response;
        response.ContentType = type;
        response.Headers["Docker-Content-Digest"] = Digest.Of(content).Value;
        var from = 0;
        if (context.Request.Headers.Range.FirstOrDefault() is { } range)
        {
            from = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }

        response.ContentLength = content.Length - from;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(content.AsMemory(from));
        }
    }
}

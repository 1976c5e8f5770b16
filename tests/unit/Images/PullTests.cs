using Berth.Abstractions;
using Berth.Images;
using Berth.Images.Registries;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class PullTests : IAsyncLifetime
{
    private readonly StoreFixture _store = new();
    private FakeRegistry _registry = null!;

    private static byte[] Layer(string name, int size = 10) => new TarBuilder().File(name, new string('x', size)).ToArray();

    public async ValueTask InitializeAsync() => _registry = await FakeRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Pull_ByTag_IsStoredWithAllNames()
    {
        var id = _registry.Put("app", "v1", "1000:0", Layer("a"), Layer("b"));

        var image = await PullAsync("app:v1");

        Assert.Equal(id.Value, image.Id);
        Assert.Equal([$"{_registry.Host}/app:v1"], image.RepoTags);
        Assert.StartsWith($"{_registry.Host}/app@sha256:", Assert.Single(image.RepoDigests), StringComparison.Ordinal);
        Assert.Equal(1000u, image.Uid);
        Assert.Equal(["true"], image.Config.Cmd);
        Assert.Equal(2, image.LayerIds.Count);
        Assert.Same(image, _store.Images.Find(image.RepoDigests[0]));
        Assert.Same(image, _store.Images.Find(image.Id[7..17]));
        Assert.Same(image, _store.Images.Find($"{_registry.Host}/app:v1"));
        Assert.Null(_store.Images.Find("app:v1"));
    }

    [Fact]
    public async Task Pull_ByDigest_HasNoTag()
    {
        _registry.Put("app", "v1", Layer("a"));
        var digest = Digest.Of(_registry.Files["/v2/app/manifests/v1"].Content);

        var image = await PullAsync($"app@{digest}");

        Assert.Empty(image.RepoTags);
        Assert.Equal([$"{_registry.Host}/app@{digest}"], image.RepoDigests);
    }

    [Fact]
    public async Task Pull_Index_TakesThisMachinesImage()
    {
        var id = _registry.Put("app", "inner", Layer("a"));
        var inner = _registry.Files["/v2/app/manifests/inner"].Content;
        var entry = $"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":{inner.Length}";
        var machine = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
        _registry.PutManifest("app", "multi", $$$"""
            {"schemaVersion":2,"manifests":[
              { {{{entry}}},"digest":"sha256:{{{new string('0', 64)}}}","platform":{"os":"linux","architecture":"s390x"}},
              { {{{entry}}},"digest":"{{{Digest.Of(inner)}}}","platform":{"os":"linux","architecture":"{{{machine}}}"}}]}
            """, "application/vnd.oci.image.index.v1+json");

        var image = await PullAsync("app:multi");

        Assert.Equal(id.Value, image.Id);
        Assert.EndsWith(Digest.Of(_registry.Files["/v2/app/manifests/multi"].Content).Value, image.RepoDigests[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_AgainUnchanged_AsksWithHeadAlone()
    {
        _registry.Put("app", "v1", Layer("a"));
        await PullAsync("app:v1");
        _registry.Requests.Clear();

        await PullAsync("app:v1");

        Assert.Equal("HEAD /v2/app/manifests/v1", Assert.Single(_registry.Requests).Request);
    }

    [Fact]
    public async Task Pull_MovedTag_LeavesTheOldImageItsDigest()
    {
        _registry.Put("app", "latest", Layer("old"));
        var old = await PullAsync("app");
        _registry.Put("app", "latest", Layer("new"));

        var moved = await PullAsync("app");

        Assert.NotEqual(old.Id, moved.Id);
        Assert.Empty(_store.Images.Find(old.Id)!.RepoTags);
        Assert.Single(_store.Images.Find(old.Id)!.RepoDigests);
    }

    [Fact]
    public async Task Pull_EqualAtOnce_FetchEachLayerOnce()
    {
        _registry.Put("app", "v1", Layer("a"), Layer("b"));
        _registry.Put("other", "v1", Layer("a"), Layer("c"));

        var images = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => PullAsync(i % 3 == 0 ? "other:v1" : "app:v1")));

        Assert.Equal(2, images.Select(static i => i.Id).Distinct().Count());
        Assert.Single(images.Select(static i => i.LayerIds[0]).Distinct());
        // Two configurations and three layers.
        Assert.Equal(5, _registry.Count("/blobs/"));
    }

    [Fact]
    public async Task Pull_TokenAuthentication_AnswersTheChallenge()
    {
        _registry.Put("app", "v1", Layer("a"));
        Challenge(_registry, token: "secret-token");

        await PullAsync("app:v1", new() { Username = "user", Password = "pass" });

        var tokens = _registry.Requests.Where(static r => r.Request.StartsWith("GET /token", StringComparison.Ordinal)).ToList();
        Assert.Equal("GET /token?scope=repository%3Aapp%3Apull&service=fake", Assert.Single(tokens).Request);
        Assert.Equal("Basic " + Convert.ToBase64String("user:pass"u8), tokens[0].Authorization);
    }

    [Fact]
    public async Task Pull_IdentityToken_IsExchanged()
    {
        _registry.Put("app", "v1", Layer("a"));
        var form = "";
        Challenge(_registry, token: "t", onToken: async c => form = await new StreamReader(c.Request.Body).ReadToEndAsync());

        await PullAsync("app:v1", new() { IdentityToken = "refresh-me" });

        Assert.Contains("grant_type=refresh_token", form, StringComparison.Ordinal);
        Assert.Contains("refresh_token=refresh-me", form, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_BasicAuthentication_WorksAndWrongPasswordIsDenied()
    {
        _registry.Put("app", "v1", Layer("a"));
        var right = "Basic " + Convert.ToBase64String("user:pass"u8);
        _registry.Before = Refuse(c => c.Request.Headers.Authorization == right, "Basic realm=\"fake\"");

        await PullAsync("app:v1", new() { Auth = Convert.ToBase64String("user:pass"u8) });
        var error = await Assert.ThrowsAsync<RuntimeException>(() => PullAsync("app:v1", new() { Username = "user", Password = "wr0ng-canary" }));

        Assert.Equal(RuntimeErrorCode.PermissionDenied, error.Code);
        Assert.Contains(_registry.Host, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_Redirect_DropsCredentials()
    {
        await using var cdn = await FakeRegistry.StartAsync();
        _registry.Put("app", "v1", Layer("a"));
        foreach (var (path, file) in _registry.Files.Where(static f => f.Key.Contains("/blobs/", StringComparison.Ordinal)))
        {
            cdn.Files[path] = file;
        }

        var right = "Basic " + Convert.ToBase64String("user:pass"u8);
        _registry.Before = async c =>
        {
            if (await Refuse(x => x.Request.Headers.Authorization == right, "Basic realm=\"fake\"")(c))
            {
                return true;
            }

            if (c.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal))
            {
                c.Response.Redirect($"http://{cdn.Host}{c.Request.Path}");
                return true;
            }

            return false;
        };

        await PullAsync("app:v1", new() { Username = "user", Password = "pass" });

        Assert.Equal(2, cdn.Requests.Count);
        Assert.All(cdn.Requests, static r => Assert.Null(r.Authorization));
    }

    [Fact]
    public async Task Pull_RedirectTargetThatAsksForCredentials_GetsNone()
    {
        await using var thief = await FakeRegistry.StartAsync();
        _registry.Put("app", "v1", Layer("a"));
        thief.Before = Refuse(static _ => false, "Basic realm=\"give\"");
        var right = "Basic " + Convert.ToBase64String("user:pass"u8);
        _registry.Before = async c => await Refuse(x => x.Request.Headers.Authorization == right, "Basic realm=\"fake\"")(c) || RedirectBlobs(c, thief.Host);

        var error = await Assert.ThrowsAsync<RuntimeException>(() => PullAsync("app:v1", new() { Username = "user", Password = "pass" }));

        Assert.Equal(RuntimeErrorCode.PermissionDenied, error.Code);
        Assert.All(thief.Requests, static r => Assert.Null(r.Authorization));
    }

    [Fact]
    public async Task Pull_Mirror_IsTriedFirstWithoutTheRequestsCredentials()
    {
        await using var mirror = await FakeRegistry.StartAsync();
        mirror.Put("app", "v1", Layer("a"));
        mirror.Before = Refuse(static _ => true, "");
        _registry.Put("app", "v2", Layer("b"));
        WriteHosts($"""
            server = "http://{_registry.Host}"
            [host."http://{mirror.Host}"]
              capabilities = ["pull", "resolve"]
              [host."http://{mirror.Host}".header]
                x-custom = ["1"]
            """);

        await PullAsync("app:v1", new() { Username = "user", Password = "pass" });
        await PullAsync("app:v2", new() { Username = "user", Password = "pass" });

        Assert.DoesNotContain(_registry.Requests, static r => r.Request.Contains("v1", StringComparison.Ordinal));
        Assert.All(mirror.Requests, r => Assert.EndsWith($"?ns={Uri.EscapeDataString(_registry.Host)}", r.Request, StringComparison.Ordinal));
        Assert.All(mirror.Requests, static r => Assert.Null(r.Authorization));
        Assert.True(_registry.Count("v2") > 0);
    }

    [Fact]
    public async Task Pull_CredentialsForAnotherServer_AreNotSent()
    {
        _registry.Put("app", "v1", Layer("a"));
        _registry.Before = Refuse(static _ => false, "Basic realm=\"fake\"");

        await Assert.ThrowsAsync<RuntimeException>(() => PullAsync("app:v1", new() { Username = "u", Password = "p", ServerAddress = "https://elsewhere.example" }));

        Assert.All(_registry.Requests, static r => Assert.Null(r.Authorization));
    }

    /// <summary>What a reload changes counts for the next pull: the file of credentials, and the folder of registries.</summary>
    [Fact]
    public async Task Options_AreThoseInForce()
    {
        await using var mirror = await FakeRegistry.StartAsync();
        mirror.Put("app", "v2", Layer("b"));
        _registry.Put("app", "v1", Layer("a"));
        var right = Convert.ToBase64String("user:pass"u8);
        _registry.Before = Refuse(c => c.Request.Headers.Authorization == "Basic " + right, "Basic realm=\"fake\"");
        await Assert.ThrowsAsync<RuntimeException>(() => PullAsync("app:v1"));

        var file = Path.Combine(_store.Root, "auth.json");
        File.WriteAllText(file, $$"""{ "auths": { "{{_registry.Host}}": { "auth": "{{right}}" } } }""");
        _store.Options = _store.Options with { AuthFile = file };
        await PullAsync("app:v1");
        await Assert.ThrowsAsync<RuntimeException>(() => PullAsync("app:v2"));

        _store.Options = _store.Options with { Registries = Path.Combine(_store.Root, "other") };
        WriteHosts($"""
            server = "http://{_registry.Host}"
            [host."http://{mirror.Host}"]
              capabilities = ["pull", "resolve"]
            """);
        await PullAsync("app:v2");
    }

    [Fact]
    public async Task Pull_Unknown_IsNotFound() => await FailsAsync("app:none", RuntimeErrorCode.NotFound, "manifest unknown");

    [Fact]
    public async Task Pull_RegistryDown_IsUnavailable()
    {
        var host = _registry.Host;
        await _registry.DisposeAsync();
        var error = await Assert.ThrowsAsync<RuntimeException>(() => _store.Puller.PullAsync($"{host}/app:v1", null, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.Unavailable, error.Code);
        Assert.Contains(host, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("manifests/sha256")]
    [InlineData("blobs/sha256")]
    public async Task Pull_OtherContentThanItsDigest_IsDataLoss(string part)
    {
        _registry.Put("app", "v1", Layer("a"));
        var digest = Digest.Of(_registry.Files["/v2/app/manifests/v1"].Content);
        foreach (var path in _registry.Files.Keys.Where(p => p.Contains(part, StringComparison.Ordinal)))
        {
            var (type, content) = _registry.Files[path];
            _registry.Files[path] = (type, [.. content[..^1], (byte)(content[^1] ^ 1)]);
        }

        await FailsAsync($"app@{digest}", RuntimeErrorCode.DataLoss, "digest");
    }

    [Fact]
    public async Task Pull_LayerOfOtherContent_IsDataLossAndTheNextPullWorks()
    {
        _registry.Put("app", "v1", Layer("a", 200_000));
        var path = _registry.Files.Keys.First(p => p.Contains("/blobs/", StringComparison.Ordinal) && _registry.Files[p].Content[0] == 0x1F);
        var right = _registry.Files[path];
        _registry.Files[path] = (right.Type, [.. right.Content[..50], (byte)(right.Content[50] ^ 0xFF), .. right.Content[51..]]);

        await FailsAsync("app:v1", RuntimeErrorCode.DataLoss, Path.GetFileName(path));
        _registry.Files[path] = right;
        await PullAsync("app:v1");
    }

    [Fact]
    public async Task Pull_TruncatedLayer_IsDataLoss()
    {
        _registry.Put("app", "v1", Layer("a", 100_000));
        var path = _registry.Files.Keys.First(p => p.Contains("/blobs/", StringComparison.Ordinal) && _registry.Files[p].Content[0] == 0x1F);
        _registry.Files[path] = (_registry.Files[path].Type, _registry.Files[path].Content[..^20]);

        await FailsAsync("app:v1", RuntimeErrorCode.DataLoss, "bytes came");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folders.Layers));
    }

    [Fact]
    public async Task Pull_ConnectionThatBreaks_GoesOnWhereItWas()
    {
        var random = new byte[300_000];
        new Random(1).NextBytes(random);
        _registry.Put("app", "v1", new TarBuilder().Entry('0', "random", content: random).ToArray());
        var breaks = 0;
        _registry.Before = async c =>
        {
            var file = _registry.Files.GetValueOrDefault(c.Request.Path.Value!);
            if (file.Content is not [0x1F, ..] || c.Request.Headers.Range.Count > 0 || ++breaks > 1)
            {
                return false;
            }

            c.Response.ContentLength = file.Content.Length;
            await c.Response.Body.WriteAsync(file.Content.AsMemory(0, 100_000));
            await c.Response.Body.FlushAsync();
            c.Abort();
            return true;
        };

        await PullAsync("app:v1");

        Assert.Equal(1, breaks);
    }

    [Fact]
    public async Task Pull_LayerThatStalls_SaysWhichAtWhichByteOnWhichHost()
    {
        var time = new FakeTimeProvider();
        using var puller = new ImagePuller(
            new(() => _store.Options, _store.Bandwidth, time, NullLogger<RegistryClient>.Instance), _store.Layers, _store.Images, _store.Options, time, NullLogger<ImagePuller>.Instance);
        var random = new byte[300_000];
        new Random(1).NextBytes(random);
        _registry.Put("app", "v1", new TarBuilder().Entry('0', "random", content: random).ToArray());
        var layer = _registry.Files.Single(static f => f.Key.Contains("/blobs/", StringComparison.Ordinal) && f.Value.Content is [0x1F, ..]);
        _registry.Before = async c =>
        {
            if (c.Request.Path.Value != layer.Key)
            {
                return false;
            }

            // The first time some of it comes, and then never anything.
            c.Response.ContentLength = layer.Value.Content.Length;
            if (c.Request.Headers.Range.Count == 0)
            {
                await c.Response.Body.WriteAsync(layer.Value.Content.AsMemory(0, 100_000));
                await c.Response.Body.FlushAsync();
            }

            await Task.Delay(Timeout.Infinite, c.RequestAborted);
            return true;
        };

        var running = puller.Begin($"{_registry.Host}/app:v1", null, CancellationToken.None);
        // Only from here on does time pass: a busy machine's own delays are no silence of the registry's.
        while (running.Progress.Layers is not [{ ReceivedBytes: 100_000 }])
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        while (!running.Image.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        var error = await Assert.ThrowsAsync<RuntimeException>(() => running.Image);
        Assert.Equal(RuntimeErrorCode.Unavailable, error.Code);
        Assert.Contains($"layer {layer.Key[(layer.Key.LastIndexOf('/') + 1)..]} stopped at byte 100000 of {layer.Value.Content.Length} from registry {_registry.Host}", error.Message, StringComparison.Ordinal);
        Assert.Equal(100_000, Assert.Single(running.Progress.Layers).ReceivedBytes);
    }

    [Fact]
    public async Task Pull_MoreThanAllowedAtOnce_WaitForTheirTurn()
    {
        using var puller = new ImagePuller(_store.Registries, _store.Layers, _store.Images, _store.Options with { MaxParallelPulls = 1 }, TimeProvider.System, NullLogger<ImagePuller>.Instance);
        _registry.Put("first", "v1", Layer("a"));
        _registry.Put("second", "v1", Layer("b"));
        var mayEnd = new TaskCompletionSource();
        var began = new TaskCompletionSource();
        _registry.Before = async c =>
        {
            began.TrySetResult();
            if (c.Request.Path.StartsWithSegments("/v2/first", StringComparison.Ordinal))
            {
                await mayEnd.Task;
            }

            return false;
        };

        var first = puller.PullAsync($"{_registry.Host}/first:v1", null, CancellationToken.None);
        await began.Task;
        var second = puller.PullAsync($"{_registry.Host}/second:v1", null, CancellationToken.None);
        var joined = puller.PullAsync($"{_registry.Host}/first:v1", null, CancellationToken.None);
        Assert.Equal(0, _registry.Count("/v2/second"));
        mayEnd.SetResult();
        await Task.WhenAll(first, second, joined);
        Assert.True(_registry.Requests.Select(static r => r.Request).ToList().FindLastIndex(static r => r.Contains("/v2/first", StringComparison.Ordinal))
            < _registry.Requests.Select(static r => r.Request).ToList().FindIndex(static r => r.Contains("/v2/second", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Pull_SwappedLayers_AreCaughtByTheirDiffId()
    {
        var (a, b) = (Layer("a"), Layer("b"));
        _registry.Put("app", "v1", a, b);
        var config = _registry.Files.Single(static f => f.Key.Contains("/blobs/", StringComparison.Ordinal) && f.Value.Content[0] == '{').Value.Content;
        _registry.PutManifest("app", "swapped", FakeRegistry.Manifest(config, [FakeRegistry.Gzip(b), FakeRegistry.Gzip(a)]));

        await FailsAsync("app:swapped", RuntimeErrorCode.InvalidArgument, "configuration says");
    }

    [Fact]
    public async Task Pull_HugeManifest_IsRefused()
    {
        _registry.Files["/v2/app/manifests/v1"] = ("application/vnd.oci.image.manifest.v1+json", new byte[5_000_000]);
        await FailsAsync("app:v1", RuntimeErrorCode.InvalidArgument, "more than");
    }

    [Fact]
    public async Task Pull_UserOutOfRange_IsRefused()
    {
        _registry.Put("app", "v1", "4294967296", Layer("a"));
        await FailsAsync("app:v1", RuntimeErrorCode.InvalidArgument, "4294967296");
    }

    private Task<ImageModel> PullAsync(string name, RegistryCredentials? credentials = null) =>
        _store.Puller.PullAsync($"{_registry.Host}/{name}", credentials, CancellationToken.None);

    private async Task FailsAsync(string name, RuntimeErrorCode code, string message)
    {
        var error = await Assert.ThrowsAsync<RuntimeException>(() => PullAsync(name));
        Assert.Equal(code, error.Code);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Empty(_store.Images.List());
    }

    private void WriteHosts(string text)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_store.Options.Registries, _registry.Host)).FullName;
        File.WriteAllText(Path.Combine(folder, "hosts.toml"), text);
    }

    private static void Challenge(FakeRegistry registry, string token, Func<HttpContext, Task>? onToken = null) => registry.Before = async c =>
    {
        if (c.Request.Path == "/token")
        {
            await (onToken?.Invoke(c) ?? Task.CompletedTask);
            await c.Response.WriteAsync($$"""{"access_token":"{{token}}"}""");
            return true;
        }

        return await Refuse(
            x => x.Request.Headers.Authorization == $"Bearer {token}",
            $"Bearer realm=\"http://{registry.Host}/token\",service=\"fake\",scope=\"repository:app:pull\"")(c);
    };

    private static Func<HttpContext, Task<bool>> Refuse(Func<HttpContext, bool> isAllowed, string challenge) => c =>
    {
        if (isAllowed(c))
        {
            return Task.FromResult(false);
        }

        c.Response.StatusCode = 401;
        c.Response.Headers.WWWAuthenticate = challenge;
        return Task.FromResult(true);
    };

    private static bool RedirectBlobs(HttpContext context, string host)
    {
        if (!context.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal))
        {
            return false;
        }

        context.Response.Redirect($"http://{host}{context.Request.Path}");
        return true;
    }
}

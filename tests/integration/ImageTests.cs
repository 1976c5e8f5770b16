using System.Formats.Tar;
using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>ImageService against real registries.</summary>
public sealed class ImageTests(Suite suite)
{
    private int _made;

    [Fact]
    public async Task Pull_ByTag_GivesDigestTagAndSize()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("pull/tag", "one", image);
        var answer = await PullAsync(reference);
        var status = await StatusAsync(reference);
        Assert.Equal(image.Id, status.Id);
        Assert.Contains(reference, status.RepoTags);
        Assert.Contains($"{suite.Registry.Host}/pull/tag@{image.ManifestDigest}", status.RepoDigests);
        Assert.Contains(answer, (string[])[image.Id, .. status.RepoDigests]);
        Assert.True(status.Size > 0);
    }

    [Fact]
    public async Task Pull_ByDigest_IsFoundByDigestAndId()
    {
        var image = NewImage();
        await suite.Registry.PushAsync("pull/digest", "one", image);
        var reference = $"{suite.Registry.Host}/pull/digest@{image.ManifestDigest}";
        await PullAsync(reference);
        Assert.Equal(image.Id, (await StatusAsync(reference)).Id);
        Assert.Equal(image.Id, (await StatusAsync(image.Id)).Id);
    }

    [Fact]
    public async Task Pull_Index_ChoosesThisMachinesPlatform()
    {
        var ours = NewImage();
        var other = new TestImage([suite.Base], architecture: TestImage.Native == "amd64" ? "arm64" : "amd64");
        var reference = await suite.Registry.PushIndexAsync("pull/index", "one", other, ours);
        await PullAsync(reference);
        Assert.Equal(ours.Id, (await StatusAsync(reference)).Id);
    }

    [Fact]
    public async Task Pull_NoImageForThisPlatform_SaysSo()
    {
        var other = new TestImage([suite.Base], architecture: "s390x");
        var reference = await suite.Registry.PushIndexAsync("pull/foreign", "one", other);
        var error = await Assert.ThrowsAsync<RpcException>(() => PullAsync(reference));
        Assert.Contains(TestImage.Native, error.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(LayerCompression.Gzip)]
    [InlineData(LayerCompression.Zstd)]
    [InlineData(LayerCompression.None)]
    public async Task Pull_EveryCompression_Unpacks(LayerCompression compression)
    {
        var layer = TestLayer.FromTar(TestLayer.Tar(TestLayer.File("note", compression.ToString())), compression);
        var reference = await suite.Registry.PushAsync("pull/compressed", compression.ToString().ToLowerInvariant(), new TestImage([suite.Base, layer]));
        await PullAsync(reference);
        Assert.Equal(compression.ToString(), await LookAsync(reference, "cat /note"));
    }

    [Fact]
    public async Task Layers_WhiteoutsLinksAndModes_AreAsTheSpecSays()
    {
        var lower = TestLayer.Of(
            TestLayer.Folder("kept/"), TestLayer.File("kept/a", "a"), TestLayer.File("kept/b", "b"),
            TestLayer.Folder("opaque/"), TestLayer.File("opaque/old", "old"),
            TestLayer.Folder("gone/"), TestLayer.File("gone/x", "x"));
        var upper = TestLayer.Of(
            TestLayer.File("kept/.wh.a", ""), TestLayer.Folder("opaque/"), TestLayer.File("opaque/.wh..wh..opq", ""), TestLayer.File("opaque/new", "new"),
            TestLayer.File(".wh.gone", ""),
            TestLayer.File("first", "linked"), TestLayer.Hardlink("second", "first"), TestLayer.Symlink("third", "/kept/b"),
            TestLayer.File("suid", "", (UnixFileMode)0b100_111_101_101), new PaxTarEntry(TarEntryType.RegularFile, "owned") { Uid = 33, Gid = 40, Mode = (UnixFileMode)0b110_000_000 });
        var reference = await suite.Registry.PushAsync("pull/layers", "one", new TestImage([suite.Base, lower, upper]));
        await PullAsync(reference);
        var output = await LookAsync(reference, "ls kept opaque; ls -d gone 2>/dev/null; cat second third; echo; stat -c '%h %a %u:%g' first suid owned");
        Assert.Equal("kept:\nb\n\nopaque:\nnew\nlinkedb\n2 644 0:0\n1 4755 0:0\n1 600 33:40", output);
    }

    [Fact]
    public async Task Layers_LongNames_Unpack()
    {
        var name = string.Join('/', Enumerable.Repeat(new string('d', 60), 4)) + "/" + new string('f', 200);
        var reference = await suite.Registry.PushAsync("pull/long", "one", new TestImage([suite.Base, TestLayer.Files((name, "deep"))]));
        await PullAsync(reference);
        Assert.Equal("deep", await LookAsync(reference, "cat /" + name));
    }

    [Fact]
    public async Task Pull_FourAtOnce_FetchesEachLayerOnce()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("pull/shared", "one", image);
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PullAsync(reference)));
        Assert.Single(answers.Distinct());
        var fetches = suite.Registry.Log.Split('\n').Count(l => l.Contains("GET /v2/pull/shared/blobs/" + image.Layers[^1].Digest, StringComparison.Ordinal) && l.Contains("HTTP/1.1\" 200", StringComparison.Ordinal));
        Assert.Equal(1, fetches);
    }

    [Fact]
    public async Task Pull_WithPassword_NeedsTheRightOne()
    {
        await using var registry = await Registry.StartAsync(RegistryAccess.Password);
        var reference = await registry.PushAsync("private", "one", NewImage());
        var none = await Assert.ThrowsAsync<RpcException>(() => PullAsync(reference));
        Assert.Equal(StatusCode.PermissionDenied, none.StatusCode);
        var wrong = await Assert.ThrowsAsync<RpcException>(() => PullAsync(reference, new() { Username = Registry.User, Password = "ebb-tide-secret" }));
        Assert.DoesNotContain("ebb-tide-secret", wrong.Status.Detail + suite.Gateway.Log, StringComparison.Ordinal);
        await PullAsync(reference, new() { Username = Registry.User, Password = Registry.Password });
        Assert.DoesNotContain(Registry.Password, suite.Gateway.Log, StringComparison.Ordinal);
        Assert.NotNull(await StatusAsync(reference));
    }

    [Fact]
    public async Task Pull_Mirror_IsAskedInsteadOfTheServer()
    {
        var image = NewImage();
        await suite.Registry.PushAsync("mirrored", "one", image);
        WriteHosts("registry.invalid", $"""
            server = "https://registry.invalid"
            [host."http://{suite.Registry.Host}"]
              capabilities = ["pull", "resolve"]
            """);
        await PullAsync("registry.invalid/mirrored:one");
        Assert.Equal(image.Id, (await StatusAsync("registry.invalid/mirrored:one")).Id);
    }

    [Fact]
    public async Task Pull_Tls_TrustsTheAuthorityOfHostsToml()
    {
        await using var registry = await Registry.StartAsync(RegistryAccess.Tls);
        var reference = await registry.PushAsync("tls", "one", NewImage());
        WriteHosts(registry.Host, $"""
            server = "https://{registry.Host}"
            [host."https://{registry.Host}"]
            """);
        await Assert.ThrowsAsync<RpcException>(() => PullAsync(reference));
        WriteHosts(registry.Host, $"""
            server = "https://{registry.Host}"
            [host."https://{registry.Host}"]
              ca = "{registry.CertificatePath}"
            """);
        await PullAsync(reference);
        Assert.NotNull(await StatusAsync(reference));
    }

    [Fact]
    public async Task Remove_ById_TakesTheImageAway()
    {
        var reference = await suite.Registry.PushAsync("remove", "one", NewImage());
        await PullAsync(reference);
        var id = (await StatusAsync(reference)).Id;
        await suite.Client.Images.RemoveImageAsync(new() { Image = new() { Image = id } });
        Assert.Null((await suite.Client.Images.ImageStatusAsync(new() { Image = new() { Image = reference } })).Image);
        Assert.DoesNotContain((await suite.Client.Images.ListImagesAsync(new())).Images, i => i.Id == id);
        await suite.Client.Images.RemoveImageAsync(new() { Image = new() { Image = id } });
    }

    [Fact]
    public async Task Remove_WhileAContainerRuns_LeavesTheContainerWhole()
    {
        var reference = await suite.Registry.PushAsync("remove/used", "one", NewImage());
        await PullAsync(reference);
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Image.Image = reference;
        var id = await pod.StartAsync(container);
        await suite.Client.Images.RemoveImageAsync(new() { Image = new() { Image = reference } });
        Assert.Null((await suite.Client.Images.ImageStatusAsync(new() { Image = new() { Image = reference } })).Image);
        Assert.Contains($"image {reference} is removed, and still used by {id}", suite.Gateway.Log, StringComparison.Ordinal);
        Assert.Equal((0, "x\n", ""), await pod.ExecAsync(id, "sh", "-c", "echo x | cat"));
    }

    [Fact]
    public async Task ListImages_Filter_FindsOne()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("list", "one", image);
        await PullAsync(reference);
        var found = (await suite.Client.Images.ListImagesAsync(new() { Filter = new() { Image = new() { Image = reference } } })).Images;
        Assert.Equal(image.Id, Assert.Single(found).Id);
    }

    [Theory]
    [InlineData("33", 33L, "")]
    [InlineData("www", null, "www")]
    [InlineData("", 0L, "")]
    public async Task ImageStatus_User_IsIdOrName(string user, long? uid, string name)
    {
        var image = new TestImage([suite.Base, TestLayer.Files(("user", user))], new() { ["User"] = user });
        var reference = await suite.Registry.PushAsync("user", "u" + user, image);
        await PullAsync(reference);
        var status = await StatusAsync(reference);
        Assert.Equal((uid ?? 0, name), (status.Uid?.Value ?? 0, status.Username));
    }

    [Fact]
    public async Task ImageFsInfo_Asked_CountsWhatIsThere()
    {
        var info = await suite.Client.Images.ImageFsInfoAsync(new());
        // Ours is the first; copies in runtimes' own stores come behind it.
        var images = info.ImageFilesystems[0];
        Assert.True(images.Timestamp > 0 && images.UsedBytes.Value > 0 && images.InodesUsed.Value > 0);
        Assert.True(Directory.Exists(images.FsId.Mountpoint));
        Assert.NotEmpty(info.ContainerFilesystems);
    }

    [Fact]
    public async Task Entrypoint_AndCommand_FollowTheRules()
    {
        var image = new TestImage([suite.Base], new() { ["Env"] = new JsonArray("PATH=/bin", "FROM=image"), ["Entrypoint"] = new JsonArray("echo", "entry"), ["Cmd"] = new JsonArray("cmd") });
        var reference = await suite.Registry.PushAsync("entry", "one", image);
        await PullAsync(reference);
        Assert.Equal("entry cmd", await RunAsync(reference, [], []));
        Assert.Equal("entry args", await RunAsync(reference, [], ["args"]));
        Assert.Equal("command", await RunAsync(reference, ["echo", "command"], []));
        Assert.Equal("command args", await RunAsync(reference, ["echo", "command"], ["args"]));
        Assert.Equal("image", await LookAsync(reference, "echo $FROM"));
    }

    [Fact]
    public async Task Import_LayoutInATar_IsThere()
    {
        using var folder = new TempFolder();
        var image = NewImage();
        image.WriteLayout(folder.Folder("layout"), "localhost/imported:one");
        await TarFile.CreateFromDirectoryAsync(folder["layout"], folder["layout.tar"], includeBaseDirectory: false);
        var imported = await suite.Client.Admin.ImportImageAsync(new() { Path = folder["layout.tar"] });
        Assert.Equal(image.Id, Assert.Single(imported.Images).Id);
        Assert.Equal(image.Id, (await StatusAsync("localhost/imported:one")).Id);
    }

    private TestImage NewImage() => new([suite.Base, TestLayer.Files(("unique", $"{Guid.NewGuid()} {_made++}"))]);

    private async Task<string> PullAsync(string reference, AuthConfig? auth = null) =>
        (await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference }, Auth = auth })).ImageRef;

    private async Task<Image> StatusAsync(string reference) =>
        (await suite.Client.Images.ImageStatusAsync(new() { Image = new() { Image = reference } })).Image;

    private void WriteHosts(string host, string content)
    {
        var folder = Directory.CreateDirectory(Path.Combine(suite.Gateway.Registries, host)).FullName;
        File.WriteAllText(Path.Combine(folder, "hosts.toml"), content);
    }

    private Task<string> LookAsync(string reference, string script) => RunAsync(reference, ["/bin/sh", "-c", script], []);

    private async Task<string> RunAsync(string reference, string[] command, string[] arguments)
    {
        await using var pod = await suite.PodAsync();
        var container = Requests.Container("look", command);
        container.Args.Add(arguments);
        container.Image.Image = reference;
        return await pod.OutputAsync(container);
    }
}

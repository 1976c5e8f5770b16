using Berth.Abstractions;
using Berth.Configuration;
using Berth.Images;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class ImageStoreTests : IAsyncLifetime
{
    private readonly StoreFixture _store = new();
    private FakeRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await FakeRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Remove_ByOneName_TakesAllNamesAndUnsharedLayers()
    {
        var shared = new TarBuilder().File("shared").ToArray();
        _registry.Put("app", "v1", shared, new TarBuilder().File("a").ToArray());
        _registry.Put("other", "v1", shared);
        var image = await PullAsync("app:v1");
        _registry.Files["/v2/app/manifests/v2"] = _registry.Files["/v2/app/manifests/v1"];
        await PullAsync("app:v2");
        var other = await PullAsync("other:v1");

        _store.Images.Remove($"{_registry.Host}/app:v1");
        _store.Images.Remove($"{_registry.Host}/app:v1");

        Assert.Equal(other.Id, Assert.Single(_store.Images.List()).Id);
        Assert.False(Directory.Exists(_store.Folders.Layer(image.LayerIds[1])));
        Assert.True(Directory.Exists(_store.Folders.Layer(image.LayerIds[0])));
    }

    [Fact]
    public async Task Find_BeginningOfTwoIds_IsRefusedAndMoreDigitsAreTaken()
    {
        // Some eighty ids give two that share the three digits that a beginning must have at least.
        var tags = new Dictionary<string, string>();
        var (first, second, prefix) = ("", "", "");
        for (var i = 0; second.Length == 0; i++)
        {
            prefix = _registry.Put("many", $"v{i}", $"user-{i}", []).Value[7..10];
            (first, second) = tags.TryAdd(prefix, $"many:v{i}") ? ("", "") : (tags[prefix], $"many:v{i}");
        }

        var image = await PullAsync(first);
        await PullAsync(second);

        var error = Assert.Throws<RuntimeException>(() => _store.Images.Find(prefix));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
        Assert.Contains("more digits", error.Message, StringComparison.Ordinal);
        Assert.Throws<RuntimeException>(() => _store.Images.Remove(prefix));
        Assert.Equal(image.Id, _store.Images.Find(image.Id[..40])!.Id);
        Assert.Equal(2, _store.Images.List().Count);
    }

    [Theory]
    [InlineData("REGISTRY/app:v1", true)]
    [InlineData("REGISTRY/app", false)]
    [InlineData("REGISTRY/a*:v*", true)]
    [InlineData("*/app:*", true)]
    [InlineData("*app", false)]
    [InlineData("REGISTRY/app:v1*v1", false)]
    [InlineData("docker.io/*", false)]
    public async Task Pinned_ByReferenceOrPattern_IsShownAndStays(string pinned, bool expected)
    {
        _registry.Put("app", "v1", new TarBuilder().File("f").ToArray());
        await PullAsync("app:v1");
        ImagesOptions options = new() { Pinned = [pinned.Replace("REGISTRY", _registry.Host, StringComparison.Ordinal)] };
        var store = new ImageStore(_store.Database, _store.Layers, options, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ImageStore>.Instance);

        var image = Assert.Single(store.List());

        Assert.Equal(expected, image.Pinned);
        var error = Record.Exception(() => store.Remove(image.Id));
        Assert.Equal(expected, error is RuntimeException { Code: RuntimeErrorCode.FailedPrecondition });
        Assert.Equal(expected ? 1 : 0, store.List().Count);
    }

    [Fact]
    public async Task Asked_OfAPull_IsKept()
    {
        _registry.Put("app", "v1", new TarBuilder().File("f").ToArray());
        var image = await PullAsync("app:v1");
        PulledFor asked = new(new Dictionary<string, string> { ["a"] = "b" }, "crun");

        Assert.Equal("b", _store.Images.SetAsked(image.Id, asked)!.Asked.Annotations["a"]);

        var again = new ImageStore(_store.Database, _store.Layers, _store.Options, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ImageStore>.Instance);
        Assert.True(again.Get(image.Id).Asked.IsSame(asked));
        Assert.Null(_store.Images.SetAsked("sha256:none", asked));
    }

    [Fact]
    public async Task Mount_ImageRemovedMeanwhile_KeepsItsLayersForTheContainer()
    {
        _registry.Put(
            "app", "v1",
            new TarBuilder().Folder("./", mode: 0x1E8).File("low", "low").Folder("d").File("d/hidden").ToArray(),
            new TarBuilder().File("high", "high").Folder("d").File("d/.wh..wh..opq").File("d/new").ToArray());
        var image = await PullAsync("app:v1");
        var rootfs = Directory.CreateDirectory(Path.Combine(_store.Root, "rootfs")).FullName;

        await _store.Snapshots.MountAsync("c1", image, rootfs, readOnly: false, CancellationToken.None);
        await _store.Snapshots.MountAsync("c1", image, rootfs, readOnly: false, CancellationToken.None);
        _store.Images.Remove(image.Id);
        File.WriteAllText(Path.Combine(rootfs, "written"), new string('x', 10_000));

        Assert.Equal("low", File.ReadAllText(Path.Combine(rootfs, "low")));
        Assert.Equal(["new"], Directory.EnumerateFiles(Path.Combine(rootfs, "d")).Select(Path.GetFileName));
        Assert.Equal(0x1E8, (int)File.GetUnixFileMode(rootfs));
        Assert.InRange(_store.Snapshots.Usage("c1").Bytes, 10_000, 40_000);
        Assert.Equal(0, _store.Layers.Collect());

        await _store.Snapshots.RemoveAsync("c1", rootfs, CancellationToken.None);
        await _store.Snapshots.RemoveAsync("c1", rootfs, CancellationToken.None);
        Assert.Equal(2, _store.Layers.Collect());
        Assert.Empty(Directory.EnumerateFileSystemEntries(rootfs));
        await _store.Trash.EmptiedAsync();
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folders.Trash));
    }

    [Fact]
    public async Task Mount_AfterItWasUnmounted_KeepsWhatWasWritten()
    {
        _registry.Put("app", "v1", new TarBuilder().File("f").ToArray());
        var image = await PullAsync("app:v1");
        var rootfs = Directory.CreateDirectory(Path.Combine(_store.Root, "rootfs")).FullName;
        await _store.Snapshots.MountAsync("c1", image, rootfs, readOnly: false, CancellationToken.None);
        File.WriteAllText(Path.Combine(rootfs, "written"), "kept");
        Mounts.Unmount(rootfs);

        await _store.Snapshots.MountAsync("c1", image, rootfs, readOnly: false, CancellationToken.None);

        Assert.Equal("kept", File.ReadAllText(Path.Combine(rootfs, "written")));
        await _store.Snapshots.RemoveAsync("c1", rootfs, CancellationToken.None);
    }

    [Fact]
    public async Task Mount_ReadOnlyAndWithoutLayers_Works()
    {
        _registry.Put("empty", "v1");
        var image = await PullAsync("empty:v1");
        var rootfs = Directory.CreateDirectory(Path.Combine(_store.Root, "rootfs")).FullName;

        await _store.Snapshots.MountAsync("volume", image, rootfs, readOnly: true, CancellationToken.None);

        Assert.Throws<IOException>(() => File.WriteAllText(Path.Combine(rootfs, "x"), ""));
        await _store.Snapshots.RemoveAsync("volume", rootfs, CancellationToken.None);
    }

    [Fact]
    public async Task Mount_OptionsBeyondOnePage_SayWhatToDo()
    {
        _registry.Put("app", "v1", new TarBuilder().File("f").ToArray());
        var image = await PullAsync("app:v1");
        var many = image with { LayerIds = [.. Enumerable.Repeat(image.LayerIds[0], 400)] };

        var error = await Assert.ThrowsAsync<RuntimeException>(() => _store.Snapshots.MountAsync("c", many, _store.Root, readOnly: false, CancellationToken.None));

        Assert.Equal(RuntimeErrorCode.FailedPrecondition, error.Code);
        Assert.Contains("400 layers", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_OpenedAgain_HasTheSameImages()
    {
        _registry.Put("app", "v1", new TarBuilder().File("f").ToArray());
        var image = await PullAsync("app:v1");

        var again = new ImageStore(_store.Database, _store.Layers, _store.Options, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ImageStore>.Instance);

        Assert.Equal(image.RepoTags, Assert.Single(again.List()).RepoTags);
        Assert.Equal(image.LayerIds, again.Get(image.Id).LayerIds);
        Assert.Equal("sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(again.ReadConfig(image.Id)!)), image.Id);
    }

    [Fact]
    public async Task FileSystem_AfterPull_CountsLayers()
    {
        _registry.Put("app", "v1", new TarBuilder().File("f", new string('x', 100_000)).ToArray());
        await PullAsync("app:v1");

        var usage = new ImageFileSystem(_store.Database, _store.Folders, TimeProvider.System).Read();

        Assert.InRange(usage.Images.Bytes, 100_000, 120_000);
        Assert.Equal(2, usage.Images.Inodes);
        Assert.NotEmpty(usage.MountPoint);
    }

    private Task<ImageModel> PullAsync(string name) => _store.Puller.PullAsync($"{_registry.Host}/{name}", null, CancellationToken.None);
}

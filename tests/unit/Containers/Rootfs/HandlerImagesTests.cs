using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Rootfs;
using Berth.Images;
using Berth.Linux;
using Berth.Plugins;
using Berth.Sandboxes;
using Berth.Tests.Unit.Images;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Containers.Rootfs;

/// <summary>Images handed to a handler with a store of its own: real layers and records, and a handler that remembers what it was told.</summary>
public sealed class HandlerImagesTests : IAsyncLifetime
{
    private readonly StoreFixture _store = new();
    private readonly Mock<IRuntimeHandler> _inner = new();
    private readonly List<string> _released = [];
    private HandlerFeatures _features = new() { OwnsImageStore = true, RootfsForms = [RootfsForm.None, RootfsForm.Layers] };
    private FakeRegistry _registry = null!;
    private ImageModel _image = null!;

    public async ValueTask InitializeAsync()
    {
        _registry = await FakeRegistry.StartAsync();
        _registry.Put("app", "v1", new TarBuilder().File("low", "low").ToArray(), new TarBuilder().File("high", "high").ToArray());
        _image = await _store.Puller.PullAsync($"{_registry.Host}/app:v1", null, CancellationToken.None);
        _inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(() => new() { Ready = true, Features = _features });
        _inner.Setup(static h => h.PrepareImageAsync(It.IsAny<PrepareImageRequest>(), It.IsAny<CancellationToken>())).ReturnsAsync(new PreparedImage(5000, 7, "/elsewhere"));
        _inner.Setup(static h => h.ReleaseImageAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()))
            .Callback((string id, CancellationToken _) => _released.Add(id)).Returns(Task.CompletedTask);
    }

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Ensure_OfAnImage_HandsOverItsLayersConfigurationAndNames()
    {
        PrepareImageRequest? request = null;
        string[] found = [];
        var wasRecorded = false;
        var table = new HandlerImageTable(_store.Database);
        _inner.Setup(static h => h.PrepareImageAsync(It.IsAny<PrepareImageRequest>(), It.IsAny<CancellationToken>()))
            .Callback((PrepareImageRequest r, CancellationToken _) =>
            {
                request = r;
                wasRecorded = table.Contains("h", _image.Id) && !table.IsComplete("h", _image.Id);
                found = [.. r.Source.Layers.SelectMany(Directory.EnumerateFiles).Select(static f => File.ReadAllText(f))];
            })
            .ReturnsAsync(new PreparedImage(5000, 7, "/elsewhere"));
        var (images, handler) = await CreateAsync();

        await images.EnsureAsync(handler, _image);

        Assert.Equal(["low", "high"], found);
        Assert.True(wasRecorded);
        Assert.Equal(RootfsForm.Layers, request!.Source.Form);
        Assert.Equal(2, request.ConfigJson!.Value.GetProperty("rootfs").GetProperty("diff_ids").GetArrayLength());
        Assert.Equal($"{_registry.Host}/app:v1", request.Names[0]);
        var usage = new ImageFileSystem(_store.Database, _store.Folders, TimeProvider.System).Read();
        Assert.Equal(new TreeUsage(5000, 7), usage.OtherImages["/elsewhere"]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folders.Views));
    }

    [Theory]
    [InlineData(RootfsForm.Mounted)]
    [InlineData(RootfsForm.Block)]
    public async Task Ensure_OfAHandlerThatWantsAnotherForm_HasIt(RootfsForm form)
    {
        Assert.SkipUnless(form != RootfsForm.Block || ErofsCommand.IsInstalled, "mkfs.erofs is not installed (erofs-utils)");
        _features = _features with { RootfsForms = [RootfsForm.None, form] };
        RootfsSource? source = null;
        var content = "";
        _inner.Setup(static h => h.PrepareImageAsync(It.IsAny<PrepareImageRequest>(), It.IsAny<CancellationToken>()))
            .Callback((PrepareImageRequest r, CancellationToken _) => (source, content) =
                (r.Source, form == RootfsForm.Mounted ? File.ReadAllText(Path.Combine(r.Source.Path!, "high")) : $"{new FileInfo(r.Source.Path!).Length > 0}"))
            .ReturnsAsync(new PreparedImage(1, 1, "/elsewhere"));
        var (images, handler) = await CreateAsync();

        await images.EnsureAsync(handler, _image);

        Assert.Equal(form, source!.Form);
        Assert.Equal(form == RootfsForm.Mounted ? "high" : "True", content);
        Assert.Empty(MountTable.Beneath(_store.Root));
    }

    [Fact]
    public async Task Collect_OfAnImageThatWasRemoved_ReleasesItOnceNoContainerIsLeft()
    {
        var (images, handler) = await CreateAsync();
        await images.EnsureAsync(handler, _image);
        await images.CollectAsync(CancellationToken.None);
        Assert.Empty(_released);

        _store.Images.Remove(_image.Id);
        await images.CollectAsync(CancellationToken.None);
        await images.CollectAsync(CancellationToken.None);

        Assert.Equal([_image.Id], _released);
    }

    [Fact]
    public async Task Collect_AfterAFailedHandOver_ReleasesWhatWasHalfMade()
    {
        _inner.Setup(static h => h.PrepareImageAsync(It.IsAny<PrepareImageRequest>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(RuntimeException.Unavailable("the engine is away"));
        var (images, handler) = await CreateAsync();

        await Assert.ThrowsAsync<RuntimeException>(() => images.EnsureAsync(handler, _image));
        await images.CollectAsync(CancellationToken.None);

        Assert.Equal([_image.Id], _released);
        Assert.Empty(new HandlerImageTable(_store.Database).List());
    }

    [Fact]
    public async Task Collect_ThatFails_IsTriedAgain()
    {
        var (images, handler) = await CreateAsync();
        await images.EnsureAsync(handler, _image);
        _store.Images.Remove(_image.Id);
        var answers = new Queue<Task>([Task.FromException(RuntimeException.Unavailable("the engine is away")), Task.CompletedTask]);
        _inner.Setup(static h => h.ReleaseImageAsync(It.IsAny<string>(), It.IsAny<CancellationToken>())).Returns(answers.Dequeue);

        await images.CollectAsync(CancellationToken.None);
        Assert.Single(new HandlerImageTable(_store.Database).List());
        await images.CollectAsync(CancellationToken.None);

        Assert.Empty(new HandlerImageTable(_store.Database).List());
    }

    [Fact]
    public async Task Ensure_WithAnAnswerThatCannotBe_IsTheHandlersFault()
    {
        _inner.Setup(static h => h.PrepareImageAsync(It.IsAny<PrepareImageRequest>(), It.IsAny<CancellationToken>())).ReturnsAsync(new PreparedImage(-1, 0, "/"));
        var (images, handler) = await CreateAsync();
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => images.EnsureAsync(handler, _image));
        Assert.Equal(RuntimeErrorCode.Internal, failure.Code);
    }

    private async Task<(HandlerImages Images, GuardedHandler Handler)> CreateAsync()
    {
        var guard = new PluginGuard("p", "h", static _ => { }, TimeProvider.System, NullLogger.Instance);
        var handler = new GuardedHandler(_inner.Object, guard, TimeProvider.System, NullLogger.Instance);
        await handler.Health.RefreshAsync(CancellationToken.None);
        var table = new HandlerTable(new([], [new HandlerEntry { Name = "h", Plugin = "p", Handler = handler }]));
        return (
            new(new(_store.Database), _store.Images, _store.Views, _store.Snapshots, _store.Blocks, table, new ContainerRegistry(_store.Database),
                new SandboxRegistry(_store.Database), NullLogger<HandlerImages>.Instance),
            handler);
    }
}

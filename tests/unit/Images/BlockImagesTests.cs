using Berth.Images;
using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Images;

/// <summary>Real images made by mkfs.erofs and read back by fsck.erofs.</summary>
public sealed class BlockImagesTests : IAsyncLifetime
{
    private readonly StoreFixture _store = new();
    private FakeRegistry _registry = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(ErofsCommand.IsInstalled, "mkfs.erofs is not installed (erofs-utils)");
        _registry = await FakeRegistry.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
        }

        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Block_OfTwoLayers_HasWhatAContainerWouldSee()
    {
        var image = await PullAsync();

        var file = await _store.Blocks.EnsureAsync("c1", image);

        var extracted = Path.Combine(_store.Root, "extracted");
        var result = await CommandRunner.RunAsync(new() { Path = "fsck.erofs", Arguments = [$"--extract={extracted}", file] }, null, 65536, CancellationToken.None);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal("low", File.ReadAllText(Path.Combine(extracted, "low")));
        Assert.Equal(["new"], Directory.EnumerateFiles(Path.Combine(extracted, "d")).Select(Path.GetFileName));
        Assert.False(File.Exists(Path.Combine(extracted, "gone")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folders.Views));
        Assert.Empty(MountTable.Beneath(_store.Root));
    }

    [Fact]
    public async Task Block_AskedForByManyAtOnce_IsMadeOnce()
    {
        var image = await PullAsync();

        var files = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => _store.Blocks.EnsureAsync($"c{i}", image)));

        Assert.Single(files.Distinct());
        Assert.Equal(files[0], Assert.Single(Directory.EnumerateFiles(_store.Folders.Blocks)));
        var usage = new ImageFileSystem(_store.Database, _store.Folders, TimeProvider.System).Read().Images;
        var layers = image.SizeBytes - _store.Images.ReadConfig(image.Id)!.Length;
        Assert.Equal(layers + new FileInfo(files[0]).Length, usage.Bytes);
    }

    [Fact]
    public async Task Block_OfARemovedImage_StaysForItsContainersAndGoesWithTheLast()
    {
        var image = await PullAsync();
        var file = await _store.Blocks.EnsureAsync("c1", image);
        await _store.Blocks.EnsureAsync("c2", image);

        _store.Blocks.Release("c1");
        _store.Images.Remove(image.Id);
        _store.Blocks.Collect();
        Assert.True(File.Exists(file));

        _store.Blocks.Release("c2");
        _store.Blocks.Release("c2");
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Block_OfAnImageWithoutContainers_StaysUntilTheImageIsRemoved()
    {
        var image = await PullAsync();
        var file = await _store.Blocks.EnsureAsync("c1", image);

        _store.Blocks.Release("c1");
        Assert.True(File.Exists(file));

        _store.Images.Remove(image.Id);
        _store.Blocks.Collect();
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Recover_AfterAKill_RemovesWhatWasHalfMadeAndKeepsWhatIsWhole()
    {
        var image = await PullAsync();
        var file = await _store.Blocks.EnsureAsync("c1", image);
        var half = Path.Combine(_store.Folders.Blocks, "7.part");
        var unrecorded = Path.Combine(_store.Folders.Blocks, "7.erofs");
        File.WriteAllText(half, "half");
        File.WriteAllText(unrecorded, "whole, and not recorded as such");
        _store.Database.Write(static c => c.Execute("INSERT INTO blocks (id, image_id, complete) VALUES (7, 'sha256:7', 0)"));
        var view = await _store.Views.OpenAsync(image);
        Assert.NotEmpty(MountTable.Beneath(view.Folder));

        _store.Views.Recover();
        _store.Blocks.Recover();
        _store.Blocks.Recover();

        Assert.Equal(file, Assert.Single(Directory.EnumerateFiles(_store.Folders.Blocks)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folders.Views));
        Assert.Empty(MountTable.Beneath(_store.Folders.Views));
        Assert.Equal(file, await _store.Blocks.EnsureAsync("c2", image));

        // c1 was no container that the journal knows, so nothing but the image and c2 holds the file.
        _store.Images.Remove(image.Id);
        _store.Blocks.Release("c2");
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Block_WhoseFileSomebodyDeleted_IsMadeAgain()
    {
        var image = await PullAsync();
        var file = await _store.Blocks.EnsureAsync("c1", image);
        File.Delete(file);

        Assert.Equal(file, await _store.Blocks.EnsureAsync("c2", image));
        Assert.True(new FileInfo(file).Length > 0);
    }

    private Task<ImageModel> PullAsync()
    {
        _registry.Put(
            "app", "v1",
            new TarBuilder().File("low", "low").File("gone").Folder("d").File("d/hidden").ToArray(),
            new TarBuilder().File(".wh.gone").Folder("d").File("d/.wh..wh..opq").File("d/new").ToArray());
        return _store.Puller.PullAsync($"{_registry.Host}/app:v1", null, CancellationToken.None);
    }
}

using Berth.Configuration;
using Berth.Images;
using Berth.Images.Layers;
using Berth.Images.Registries;
using Berth.Linux;
using Berth.State;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Unit.Images;

/// <summary>An image store in a folder of its own, which goes with it.</summary>
internal sealed class StoreFixture : IAsyncDisposable
{
    public StoreFixture(string? root = null, ImagesOptions? options = null)
    {
        Root = root ?? Path.Combine(Path.GetTempPath(), $"berth-images-{Guid.NewGuid():N}");
        Options = options ?? new() { Registries = Path.Combine(Root, "registries") };
        Folders = new(Root);
        Database = new(Path.Combine(Root, "state.db"));
        Trash = new(Folders, NullLogger<Trash>.Instance);
        Layers = new(Database, Options, Folders, Trash, TimeProvider.System, NullLogger<LayerStore>.Instance);
        Images = new(Database, Layers, Options, TimeProvider.System, NullLogger<ImageStore>.Instance);
        Snapshots = new(Database, Folders, Trash);
        Views = new(Snapshots, Database, Folders);
        Blocks = new(Database, Folders, Views, TimeProvider.System, NullLogger<BlockImages>.Instance);
        Bandwidth = new(Options);
        Registries = new(() => Options, Bandwidth, TimeProvider.System, NullLogger<RegistryClient>.Instance);
        Puller = new(Registries, Layers, Images, Options, TimeProvider.System, NullLogger<ImagePuller>.Instance);
        Importer = new(Folders, Layers, Images, NullLogger<ImageImporter>.Instance);
    }

    public string Root { get; }

    /// <summary>Those that are read at each pull may be changed.</summary>
    public ImagesOptions Options { get; set; }

    public ImageFolders Folders { get; }

    public StateDatabase Database { get; }

    public Trash Trash { get; }

    public LayerStore Layers { get; }

    public ImageStore Images { get; }

    public Snapshots Snapshots { get; }

    public ImageViews Views { get; }

    public BlockImages Blocks { get; }

    public Bandwidth Bandwidth { get; }

    public RegistryClient Registries { get; }

    public ImagePuller Puller { get; }

    public ImageImporter Importer { get; }

    /// <summary>Unpacks plain archives as the layers of one image; the folders, lowest first.</summary>
    public async Task<IReadOnlyList<string>> UnpackAsync(params byte[][] archives)
    {
        var diffIds = archives.Select(static a => Digest.Of(a)).ToList();
        var chain = LayerBlob.Chain(diffIds);
        var blobs = archives.Select((a, i) => new LayerBlob(diffIds[i], a.Length, diffIds[i], chain[i])).ToList();
        using var lease = await Layers.EnsureAsync(blobs, new MemoryBlobs(archives), CancellationToken.None);
        return [.. lease.Ids.Select(Folders.LayerFiles)];
    }

    /// <summary>Ends it as a crash would: nothing is tidied up.</summary>
    public async Task CrashAsync()
    {
        await Trash.EmptiedAsync();
        Puller.Dispose();
        Bandwidth.Dispose();
        Layers.Dispose();
        Database.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await CrashAsync();
        MountTable.UnmountBeneath(Root);
        FileTree.Delete(Root);
    }

    private sealed class MemoryBlobs(byte[][] archives) : IBlobSource
    {
        public Task<Stream> OpenBlobAsync(LayerBlob blob, CancellationToken cancellationToken) =>
            Task.FromResult<Stream>(new MemoryStream(archives.First(a => Digest.Of(a) == blob.Digest)));
    }
}

using System.Text;
using Berth.Abstractions;
using Berth.Images;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class ImageImporterTests : IAsyncLifetime
{
    private static readonly byte[] Layer = new TarBuilder().File("f", "from the archive").ToArray();

    private static readonly byte[] Config = Encoding.UTF8.GetBytes($$$"""{"config":{"Entrypoint":["/f"]},"rootfs":{"type":"layers","diff_ids":["{{{Digest.Of(Layer)}}}"]}}""");

    private readonly StoreFixture _store = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Import_DockerSave_TakesAllTags(bool compressed)
    {
        var archive = new TarBuilder()
            .Folder("one")
            .Entry('0', "one/layer.tar", content: Layer)
            .Symlink("two/layer.tar", "../one/layer.tar")
            .Entry('0', $"{Digest.Of(Config).Hex}.json", content: Config)
            .File("manifest.json", $$"""[{"Config":"{{Digest.Of(Config).Hex}}.json","RepoTags":["app:v1","r.io/app:v2"],"Layers":["two/layer.tar"]}]""").ToArray();

        var image = Assert.Single(await _store.Importer.ImportAsync(Write(compressed ? FakeRegistry.Gzip(archive) : archive), null, CancellationToken.None));

        Assert.Equal(["docker.io/library/app:v1", "r.io/app:v2"], image.RepoTags);
        Assert.Equal(Digest.Of(Config).Value, image.Id);
        Assert.Equal("from the archive", File.ReadAllText(Path.Combine(_store.Folders.LayerFiles(image.LayerIds[0]), "f")));
        Assert.Empty(Directory.EnumerateFiles(_store.Folders.Ingest));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Import_OciLayout_IsNamedAsAsked(bool asFolder)
    {
        var files = Layout();
        var path = asFolder ? WriteFolder(files) : Write(files.Aggregate(new TarBuilder(), static (tar, f) => tar.Entry('0', f.Key, content: f.Value)).ToArray());

        var image = Assert.Single(await _store.Importer.ImportAsync(path, "app:mine", CancellationToken.None));

        Assert.Equal(["docker.io/library/app:mine"], image.RepoTags);
        Assert.Single(image.RepoDigests);
        Assert.Equal(["/f"], image.Config.Entrypoint);
    }

    [Fact]
    public async Task Import_BlobThatIsNotWhatItsNameSays_IsDataLoss()
    {
        var files = Layout();
        files[$"blobs/sha256/{Digest.Of(Config).Hex}"] = [.. Config, (byte)' '];
        var error = await Assert.ThrowsAsync<RuntimeException>(() => _store.Importer.ImportAsync(WriteFolder(files), null, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.DataLoss, error.Code);
    }

    [Fact]
    public async Task Import_LinkOutOfTheFolder_IsNotFollowed()
    {
        var files = Layout();
        var folder = WriteFolder(files);
        var blob = Path.Combine(folder, "blobs/sha256", Digest.Of(Config).Hex);
        var outside = Write(Config);
        File.Delete(blob);
        File.CreateSymbolicLink(blob, outside);
        var error = await Assert.ThrowsAsync<RuntimeException>(() => _store.Importer.ImportAsync(folder, null, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no archive at all, only text that is long enough to be looked at")]
    public async Task Import_AnythingElse_IsInvalidArgument(string content)
    {
        var error = await Assert.ThrowsAsync<RuntimeException>(
            () => _store.Importer.ImportAsync(Write(Encoding.UTF8.GetBytes(content)), null, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
    }

    private static Dictionary<string, byte[]> Layout()
    {
        var zipped = FakeRegistry.Gzip(Layer);
        var manifest = Encoding.UTF8.GetBytes(FakeRegistry.Manifest(Config, [zipped]));
        return new()
        {
            ["oci-layout"] = Encoding.UTF8.GetBytes("""{"imageLayoutVersion":"1.0.0"}"""),
            ["index.json"] = Encoding.UTF8.GetBytes(
                $$$"""{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{Digest.Of(manifest)}}}","size":{{{manifest.Length}}},"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}"""),
            [$"blobs/sha256/{Digest.Of(manifest).Hex}"] = manifest,
            [$"blobs/sha256/{Digest.Of(Config).Hex}"] = Config,
            [$"blobs/sha256/{Digest.Of(zipped).Hex}"] = zipped,
        };
    }

    private string Write(byte[] content)
    {
        var path = Path.Combine(_store.Root, Guid.NewGuid().ToString("N"));
        File.WriteAllBytes(path, content);
        return path;
    }

    private string WriteFolder(Dictionary<string, byte[]> files)
    {
        var folder = Path.Combine(_store.Root, Guid.NewGuid().ToString("N"));
        foreach (var (name, content) in files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }

        return folder;
    }
}

using System.Formats.Tar;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Registries that lie, and layers that try to write where they must not.</summary>
public sealed class HostileImageTests(Suite suite)
{
    [Fact]
    public async Task Pull_LayerIsNotWhatItsDigestSays_IsRefused()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("hostile/digest", "one", image);
        var path = suite.Registry.BlobPath(image.Layers[^1].Digest);
        await File.WriteAllBytesAsync(path, [.. Enumerable.Repeat((byte)7, image.Layers[^1].Blob.Length)]);
        await RefusedAsync(reference, image.Layers[^1].Digest);
    }

    [Fact]
    public async Task Pull_OtherLayerOfTheSameSize_IsRefused()
    {
        // A valid gzip of a valid tar: only the digest tells.
        var (real, forged) = (TestLayer.FromTar(TestLayer.Tar(TestLayer.File("note", "real")), LayerCompression.None), TestLayer.FromTar(TestLayer.Tar(TestLayer.File("note", "fake")), LayerCompression.None));
        var image = new TestImage([suite.Base, real]);
        var reference = await suite.Registry.PushAsync("hostile/forged", "one", image);
        Assert.Equal(real.Blob.Length, forged.Blob.Length);
        await File.WriteAllBytesAsync(suite.Registry.BlobPath(real.Digest), forged.Blob);
        await RefusedAsync(reference, real.Digest);
    }

    [Fact]
    public async Task Pull_TruncatedLayer_IsRefused()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("hostile/short", "one", image);
        var layer = image.Layers[^1];
        await File.WriteAllBytesAsync(suite.Registry.BlobPath(layer.Digest), layer.Blob[..(layer.Blob.Length / 2)]);
        await RefusedAsync(reference, layer.Digest);
    }

    [Fact]
    public async Task Pull_ManifestIsNotWhatItsDigestSays_IsRefused()
    {
        var image = NewImage();
        await suite.Registry.PushAsync("hostile/manifest", "one", image);
        var path = suite.Registry.BlobPath(image.ManifestDigest);
        await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path)).Replace("\"schemaVersion\":2,", "\"schemaVersion\":2, ", StringComparison.Ordinal));
        await Assert.ThrowsAsync<RpcException>(async () =>
            await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = $"{suite.Registry.Host}/hostile/manifest@{image.ManifestDigest}" } }));
    }

    public static TheoryData<string> Climbers => ["parent", "absolute", "symlink", "symlink-parent", "hardlink", "device-under-symlink"];

    [Theory, MemberData(nameof(Climbers))]
    public async Task Pull_LayerClimbsOut_TouchesNothingOutside(string kind)
    {
        using var outside = new TempFolder();
        var victim = outside.File("victim", "untouched");
        var image = new TestImage([suite.Base, TestLayer.Of(Climb(kind, outside.Path))]);
        var reference = await suite.Registry.PushAsync("hostile/climb", kind, image);
        try
        {
            await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        }
        catch (RpcException e)
        {
            Assert.DoesNotContain(e.StatusCode, (StatusCode[])[StatusCode.Unknown, StatusCode.Internal, StatusCode.Unavailable]);
        }

        Assert.Equal("untouched", await File.ReadAllTextAsync(victim));
        Assert.Equal([victim], Directory.GetFileSystemEntries(outside.Path));
    }

    [Fact]
    public async Task Pull_AfterARefusal_WorksWithTheRightContent()
    {
        var image = NewImage();
        var reference = await suite.Registry.PushAsync("hostile/healed", "one", image);
        var (path, content) = (suite.Registry.BlobPath(image.Layers[^1].Digest), image.Layers[^1].Blob);
        await File.WriteAllBytesAsync(path, content[..^1]);
        await RefusedAsync(reference, image.Layers[^1].Digest);
        await File.WriteAllBytesAsync(path, content);
        await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
    }

    private static TarEntry[] Climb(string kind, string outside) => kind switch
    {
        "parent" => [TestLayer.File("../../../../../../../../../../../.." + outside + "/made", "x")],
        "absolute" => [TestLayer.File(outside + "/made", "x")],
        "symlink" => [TestLayer.Symlink("way", outside), TestLayer.File("way/made", "x"), TestLayer.File("way/victim", "x")],
        "symlink-parent" => [TestLayer.Symlink("way", "../../../../../../../../../../.." + outside), TestLayer.File("way/made", "x")],
        "hardlink" => [TestLayer.Hardlink("link", outside + "/victim"), TestLayer.File("link", "changed")],
        _ => [TestLayer.Symlink("way", outside), new PaxTarEntry(TarEntryType.CharacterDevice, "way/made") { DeviceMajor = 1, DeviceMinor = 3 }],
    };

    private TestImage NewImage() => new([suite.Base, TestLayer.Files(("unique", Guid.NewGuid().ToString()))]);

    private async Task RefusedAsync(string reference, string digest)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } }));
        Assert.Contains(digest, error.Status.Detail, StringComparison.Ordinal);
        Assert.Null((await suite.Client.Images.ImageStatusAsync(new() { Image = new() { Image = reference } })).Image);
    }
}

using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Images as volumes.</summary>
public sealed class ImageVolumeTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.OciHandlers), MemberType = typeof(Suite))]
    public async Task ImageVolume_WholeAndParts_AreReadOnlyAndKeptInUse(string handler)
    {
        await suite.RequireAsync(handler);
        var (name, imageId) = await ImportAsync();
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", """
            cat /whole/note /part/deep/note /file /linked/note
            touch /whole/x 2>/dev/null || echo refused
            trap 'exit 0' TERM; while :; do sleep 3600 & wait; done
            """);
        container.Mounts.Add(Volume("/whole", name));
        container.Mounts.Add(Volume("/part", name, "models"));
        container.Mounts.Add(Volume("/file", name, "models/deep/note"));
        container.Mounts.Add(Volume("/linked", name, "link"));
        var id = await pod.StartAsync(container);

        await Wait.ForAsync(() => Task.FromResult(pod.Log("look.log")), static log => log.Count == 5, TimeSpan.FromSeconds(30));
        Assert.Equal("top\ndeep\ndeep\ntop\nrefused\n", LogLine.Join(pod.Log("look.log"), "stdout"));
        var status = await pod.StatusAsync(id);
        Assert.Equal(name, status.Mounts[0].Image.Image);
        Assert.Equal("models", status.Mounts[1].ImageSubPath);

        // Its files stay for the container, whatever a removal answers.
        await RemoveAsync(imageId);
        await Wait.ForAsync(() => suite.Gateway.Log.Contains($"image {imageId} is removed, and still used by {id}", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        Assert.Equal("deep\n", (await pod.ExecAsync(id, "cat", "/whole/models/deep/note")).Output);
        await suite.Client.Runtime.RemoveContainerAsync(new() { ContainerId = id });
        await RemoveAsync(imageId);
        Assert.Null((await suite.Client.Images.ImageStatusAsync(new() { Image = new() { Image = imageId } })).Image);
    }

    [Fact]
    public async Task ImageVolume_ThatCannotBe_IsRefusedInTheWordsThatKubeletsKnow()
    {
        var (name, imageId) = await ImportAsync();
        await using var pod = await suite.PodAsync();
        foreach (var (image, path, why) in ((string, string, string)[])
            [(name, "absent", "absent"), (name, "models/deep/note/x", "Not a directory"), (name, "../..", ".."), ("no.such/image:1", "", "pull it first")])
        {
            var container = Requests.Idle();
            container.Mounts.Add(Volume("/data", image, path));
            var error = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container));
            Assert.Contains(why, error.Status.Detail, StringComparison.Ordinal);
            Assert.True(path == "../.." || error.Status.Detail.StartsWith("ImageVolumeMountFailed", StringComparison.Ordinal), error.Status.Detail);
        }

        // A link that leads out of the image leads to its own root.
        var inside = Requests.Idle();
        inside.Mounts.Add(Volume("/data", name, "climber"));
        var refused = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(inside));
        Assert.StartsWith("ImageVolumeMountFailed", refused.Status.Detail, StringComparison.Ordinal);
        await RemoveAsync(imageId);
    }

    private async Task<(string Name, string Id)> ImportAsync()
    {
        using var folder = new TempFolder();
        var name = $"tests.example/volume-{Guid.NewGuid():N}:1";
        var image = new TestImage(
        [
            TestLayer.Of(
                TestLayer.File("note", "top\n"),
                TestLayer.Folder("models"), TestLayer.Folder("models/deep"), TestLayer.File("models/deep/note", "deep\n"),
                TestLayer.Symlink("link", "/"), TestLayer.Symlink("climber", "../../../../var/lib")),
        ]);
        image.WriteLayout(folder.Path, name);
        await suite.Client.Admin.ImportImageAsync(new() { Path = folder.Path });
        return (name, image.Id);
    }

    // Whether an image in use goes at once or is refused is its removal's matter.
    private async Task RemoveAsync(string imageId)
    {
        try
        {
            await suite.Client.Images.RemoveImageAsync(new() { Image = new() { Image = imageId } });
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            Assert.Contains("use", e.Status.Detail, StringComparison.Ordinal);
        }
    }

    private static Mount Volume(string path, string image, string subPath = "") =>
        new() { ContainerPath = path, Image = new() { Image = image }, ImageSubPath = subPath, Readonly = true };
}

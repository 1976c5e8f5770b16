using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Admin.Protos;
using Berth.Cli;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What the configuration says of images, how far a pull is, and figures that add up; on one gateway, one after another.</summary>
public sealed class ImageOptionsTests(Suite suite)
{
    private const int BytesPerSecond = 2 * 1024 * 1024;

    [Fact]
    public async Task Images_PinnedSlowAndOneByOne_AreAsConfiguredAndAddUp()
    {
        await using var gateway = await suite.OwnGatewayAsync(static settings =>
        {
            settings["images"]!["pinned"] = new JsonArray("localhost/berth/*");
            settings["images"]!["maxBytesPerSecond"] = BytesPerSecond;
            settings["images"]!["maxParallelPulls"] = 1;
        });
        await PinnedAsync(gateway);
        await ProgressAsync(gateway);
        await CutAsync(gateway);
        await AskedAsync(gateway);
        await AddUpAsync(gateway);
    }

    private static async Task PinnedAsync(Gateway gateway)
    {
        var sample = (await gateway.Client.Images.ListImagesAsync(new())).Images.Single();
        Assert.True(sample.Pinned);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await gateway.Client.Images.RemoveImageAsync(new() { Image = new() { Image = sample.Id } }));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Contains("images.pinned", error.Status.Detail, StringComparison.Ordinal);
    }

    // A megabyte and a half at two megabytes a second: some messages show it on its way.
    private async Task ProgressAsync(Gateway gateway)
    {
        var layer = Random(1536 * 1024);
        var image = new TestImage([suite.Base, layer]);
        var reference = await suite.Registry.PushAsync("options/slow", "one", image);
        var seen = new List<PullImageProgress>();
        using var call = gateway.Client.Admin.PullImage(new() { Image = reference });
        await foreach (var progress in call.ResponseStream.ReadAllAsync())
        {
            seen.Add(progress);
        }

        Assert.Equal(image.Id, seen[^1].Image.Id);
        Assert.Contains(reference, seen[^1].Image.Names);
        Assert.All(seen[..^1], static p => Assert.Null(p.Image));
        var received = seen.SelectMany(static p => p.Layers).Where(l => l.Digest == layer.Digest).ToList();
        Assert.Contains(received, static l => l.ReceivedBytes > 0 && l.ReceivedBytes < l.SizeBytes);
        Assert.Equal(((long)layer.Blob.Length, suite.Registry.Host), (received[^1].ReceivedBytes, received[^1].Host));
        Assert.Equal(received.Select(static l => l.ReceivedBytes).Order(), received.Select(static l => l.ReceivedBytes));
    }

    private async Task CutAsync(Gateway gateway)
    {
        var image = new TestImage([suite.Base, Random(900 * 1024)]);
        var reference = await suite.Registry.PushAsync("options/cut", "one", image);
        using var proxy = new CuttingProxy(suite.Registry.Host, 256 * 1024);
        var output = new StringWriter();
        var line = $"pull {proxy.Host}{reference[reference.IndexOf('/', StringComparison.Ordinal)..]} --socket {gateway.SocketPath}";
        var code = await CliRoot.Create(static (_, _) => Task.CompletedTask).Parse(line).InvokeAsync(new() { Output = output, Error = output });
        Assert.True(code == 0, output.ToString());
        Assert.True(proxy.Cuts >= 3, $"{proxy.Cuts} cuts");
        Assert.Contains($"bytes from {proxy.Host}", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("was here already", output.ToString(), StringComparison.Ordinal);
        Assert.Contains(image.Id, output.ToString(), StringComparison.Ordinal);
        Assert.Contains("http.response.status=206", suite.Registry.Log, StringComparison.Ordinal);
    }

    private async Task AskedAsync(Gateway gateway)
    {
        var reference = await suite.Registry.PushAsync("options/asked", "one", new TestImage([suite.Base]));
        var spec = new ImageSpec { Image = reference, Annotations = { ["variant"] = "small" }, RuntimeHandler = "crun" };
        await gateway.Client.Images.PullImageAsync(new() { Image = spec });
        Assert.Equal(spec, (await gateway.Client.Images.ImageStatusAsync(new() { Image = spec })).Image.Spec);
        Assert.Equal(spec, (await gateway.Client.Images.ListImagesAsync(new() { Filter = new() { Image = spec } })).Images.Single().Spec);
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        var container = Requests.Idle();
        container.Image = spec;
        var shown = (await pod.StatusAsync(await pod.CreateAsync(container))).Image;
        Assert.Equal((reference, "small", "crun"), (shown.Image, shown.Annotations["variant"], shown.RuntimeHandler));
    }

    private async Task AddUpAsync(Gateway gateway)
    {
        var layer = TestLayer.Of(
            TestLayer.Folder("d/"), TestLayer.Folder("d/e/"), TestLayer.File("d/e/small", "x"), TestLayer.File("d/large", new string('y', 300_000)),
            TestLayer.Hardlink("again", "d/large"), TestLayer.Symlink("link", "d/large"), TestLayer.File("empty", ""));
        var reference = await suite.Registry.PushAsync("options/sizes", "one", new TestImage([layer]));
        await gateway.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        var size = (long)(await gateway.Client.Images.ImageStatusAsync(new() { Image = new() { Image = reference } })).Image.Size;

        var layers = Directory.GetDirectories(Path.Combine(gateway.Root, "layers")).Select(static l => Path.Combine(l, "fs")).ToArray();
        var newest = layers.OrderBy(static l => int.Parse(Path.GetFileName(Path.GetDirectoryName(l))!, System.Globalization.CultureInfo.InvariantCulture)).Last();
        // What the image has beside its layer is its configuration.
        Assert.InRange(size, (await DuAsync("--block-size=1", newest)) * 9 / 10, (await DuAsync("--block-size=1", newest)) * 11 / 10 + 4096);

        // The figures are ten seconds old at most.
        var inodes = await DuAsync("--inodes", layers);
        var usage = await Wait.ForAsync(
            async () => (await gateway.Client.Images.ImageFsInfoAsync(new())).ImageFilesystems[0], u => u.InodesUsed.Value == (ulong)inodes, TimeSpan.FromSeconds(20));
        var bytes = await DuAsync("--block-size=1", layers);
        Assert.InRange((long)usage.UsedBytes.Value, bytes * 95 / 100, bytes * 105 / 100);
    }

    private static async Task<long> DuAsync(string unit, params string[] folders)
    {
        var du = await CommandRunner.RunAsync(new Command { Path = "du", Arguments = ["--summarize", "--total", unit, .. folders] }, null, 1 << 20, CancellationToken.None);
        return long.Parse(du.OutputText.Split('\n')[^2].Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static TestLayer Random(int bytes) => TestLayer.FromTar(TestLayer.Tar(TestLayer.File("random", Convert.ToHexString(RandomNumberGenerator.GetBytes(bytes)))));
}

using System.Security.Cryptography;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>The suite's image, a static busybox, in the form that a handler takes first; as the gateway would make it.</summary>
internal sealed class Image
{
    private static readonly RootfsForm[] Possible = [RootfsForm.Mounted, RootfsForm.Layers, RootfsForm.Block];

    private readonly string _folder;
    private readonly string _layer;
    private readonly HandlerFeatures _features;

    public Image(string folder, HandlerFeatures features)
    {
        (_folder, _features) = (folder, features);
        _layer = Bundle.MakeRootfs(Path.Combine(folder, "layer"));
    }

    public string Id { get; } = $"sha256:{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32))}";

    /// <summary>The root file system for a container, and a folder of the host where the image's files can be read.</summary>
    public async Task<(RootfsSource Source, string RootPath)> ForContainerAsync(IRuntimeHandler handler, string containerId)
    {
        var form = _features.RootfsForms.First(f => Possible.Contains(f) || (f == RootfsForm.None && _features.OwnsImageStore));
        if (form == RootfsForm.None)
        {
            await handler.PrepareImageAsync(await PrepareRequestAsync(), CancellationToken.None);
            return (new() { Form = form }, _layer);
        }

        if (form == RootfsForm.Mounted)
        {
            // Nothing of one container may show in another.
            var own = Bundle.MakeRootfs(Path.Combine(_folder, containerId[..8]));
            return (new() { Form = form, Path = own }, own);
        }

        return (await SharedAsync(form), _layer);
    }

    public async Task<PrepareImageRequest> PrepareRequestAsync() => new()
    {
        ImageId = Id,
        Source = await SharedAsync(_features.RootfsForms.First(Possible.Contains)),
        ConfigJson = JsonSerializer.SerializeToElement(new { architecture = "amd64", os = "linux", config = new { }, rootfs = new { type = "layers", diff_ids = (string[])[Id] } }),
        Names = ["contract.test/busybox:latest"],
    };

    private async Task<RootfsSource> SharedAsync(RootfsForm form) => form switch
    {
        RootfsForm.Mounted => new() { Form = form, Path = _layer },
        RootfsForm.Layers => new() { Form = form, Layers = [_layer] },
        _ => new() { Form = form, Path = await ErofsAsync(), FileSystem = "erofs" },
    };

    private async Task<string> ErofsAsync()
    {
        var file = Path.Combine(_folder, "image.erofs");
        if (!File.Exists(file))
        {
            var command = new Command { Path = "mkfs.erofs", Arguments = ["--quiet", file, _layer] };
            var result = await CommandRunner.RunAsync(command, null, 64 * 1024, CancellationToken.None);
            Assert.True(result.ExitCode == 0, $"mkfs.erofs: {result.Error}");
        }

        return file;
    }
}

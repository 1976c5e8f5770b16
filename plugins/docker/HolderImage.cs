using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>The image of the container that holds a pod: one static program, made from the machine's own and loaded once.</summary>
internal sealed class HolderImage(DockerOptions options, HandlerFolders folders, EngineImages images)
{
    public const string Command = "/init";

    /// <summary>The Engine's id of the image.</summary>
    public async Task<string> EnsureAsync(CancellationToken cancellationToken)
    {
        var program = Executable.Find(options.Init)
            ?? throw RuntimeException.Unavailable($"'{options.Init}', which holds pods, is not in {Executable.SearchPath}: install the package catatonit");
        var content = await File.ReadAllBytesAsync(program, cancellationToken).ConfigureAwait(false);
        var id = $"holder-{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}";
        var found = await images.FindAsync(id, cancellationToken).ConfigureAwait(false);
        return (found ?? await LoadAsync(id, content, cancellationToken).ConfigureAwait(false)).ID;
    }

    private async Task<global::Docker.DotNet.Models.ImagesListResponse> LoadAsync(string id, byte[] content, CancellationToken cancellationToken)
    {
        // Two pods may do this at once; the same content is the same image.
        var layer = Path.Combine(folders.State, $"{id}-{Guid.NewGuid():N}");
        Directory.CreateDirectory(layer);
        try
        {
            var file = Path.Combine(layer, Command[1..]);
            await File.WriteAllBytesAsync(file, content, cancellationToken).ConfigureAwait(false);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
            return await images.LoadAsync(id, [layer], $"berth.local/holder:{id}", (Kernel.Architecture, "linux"), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the image of what holds pods cannot be made in {layer}: {e.Message}", e);
        }
        finally
        {
            FileTree.Delete(layer);
        }
    }
}

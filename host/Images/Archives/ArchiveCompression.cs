using System.IO.Compression;
using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Images.Layers;

namespace Berth.Images.Archives;

/// <summary>Unpacks a compressed archive into a file, since its parts are read in another order than they lie in.</summary>
internal static class ArchiveCompression
{
    /// <summary>False, and nothing done, if the archive is not compressed.</summary>
    public static async Task<bool> DecompressAsync(string path, string target, CancellationToken cancellationToken)
    {
        await using var source = new DigestStream(File.OpenRead(path), HashAlgorithmName.SHA256);
        try
        {
            await using var plain = await LayerCompression.OpenAsync(source, cancellationToken);
            if (plain is not (GZipStream or ZstdSharp.DecompressionStream))
            {
                return false;
            }

            await CopyAsync(plain, target, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is InvalidDataException or ZstdSharp.ZstdException)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{path} cannot be decompressed: {e.Message}", e);
        }
    }

    private static async Task CopyAsync(Stream plain, string target, CancellationToken cancellationToken)
    {
        var guard = new SpaceGuard(Path.GetDirectoryName(target)!);
        await using var file = File.Create(target);
        var buffer = new byte[128 * 1024];
        while (await plain.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            await file.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            guard.ChargeBytes(count);
        }
    }
}

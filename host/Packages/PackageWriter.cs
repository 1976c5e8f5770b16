using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins;
using Berth.Plugins.Signatures;

namespace Berth.Packages;

/// <summary>What was packed.</summary>
/// <param name="Path">The archive.</param>
/// <param name="Sha256">Its digest.</param>
/// <param name="Manifest">Of the plugin.</param>
internal sealed record Package(string Path, string Sha256, PluginManifest Manifest);

/// <summary>
/// Packs a plugin's folder into an archive: <c>.tar.gz</c>, plugin.json first, then by name, owned by root, of one time. The same folder
/// gives the same bytes.
/// </summary>
internal static class PackageWriter
{
    private const UnixFileMode File644 = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Program755 = File644 | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    // Tools complain about archives from 1970.
    private static readonly DateTimeOffset Time = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <param name="folder">The plugin's folder.</param>
    /// <param name="target">The archive; null for ID-VERSION.tar.gz here.</param>
    /// <param name="key">Signs it anew; null leaves it as it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Package> PackAsync(string folder, string? target, ECDsa? key, CancellationToken cancellationToken)
    {
        // A copy, as the gateway would make one: what is checked, signed and packed is the same, whoever changes the folder meanwhile.
        var copy = Directory.CreateTempSubdirectory("berth-pack-").FullName;
        try
        {
            await PackageReader.ReadAsync(folder, copy, cancellationToken);
            var manifest = PackageCheck.Manifest(copy, folder);
            if (key is not null)
            {
                await SignAsync(copy, key, cancellationToken);
            }

            var path = System.IO.Path.GetFullPath(target ?? $"{manifest.Id}-{manifest.Version}.tar.gz");
            await WriteAsync(copy, path, cancellationToken);
            await using var packed = File.OpenRead(path);
            return new(path, Convert.ToHexStringLower(await SHA256.HashDataAsync(packed, cancellationToken)), manifest);
        }
        finally
        {
            FileTree.Delete(copy);
        }
    }

    /// <summary>Signs a folder where it lies; a signature that is there is replaced.</summary>
    public static async Task SignAsync(string folder, ECDsa key, CancellationToken cancellationToken)
    {
        var signature = PluginSignature.Sign(PluginSignature.DigestOf(folder), key);
        var path = System.IO.Path.Combine(folder, PluginSignature.FileName);
        await File.WriteAllBytesAsync(path + ".new", signature.ToBytes(), cancellationToken);
        File.SetUnixFileMode(path + ".new", File644);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static async Task WriteAsync(string folder, string path, CancellationToken cancellationToken)
    {
        var unfinished = $"{path}.unfinished";
        try
        {
            await using (var file = File.Create(unfinished))
            await using (var gzip = new GZipStream(file, CompressionLevel.SmallestSize))
            await using (var tar = new TarWriter(gzip, TarEntryFormat.Gnu))
            {
                foreach (var name in Names(folder))
                {
                    await WriteAsync(tar, folder, name, cancellationToken);
                }
            }

            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    // What says what it is comes first.
    private static IEnumerable<string> Names(string folder)
    {
        string[] first = [PluginManifestReader.FileName, PluginSignature.FileName];
        var names = FolderDigest.Walk(folder).Select(p => System.IO.Path.GetRelativePath(folder, p)).ToList();
        return first.Where(names.Contains).Concat(names.Except(first));
    }

    private static async Task WriteAsync(TarWriter tar, string folder, string name, CancellationToken cancellationToken)
    {
        var info = new FileInfo(System.IO.Path.Combine(folder, name));
        var isFolder = info.Attributes.HasFlag(FileAttributes.Directory) && info.LinkTarget is null;
        var type = info.LinkTarget is not null ? TarEntryType.SymbolicLink : isFolder ? TarEntryType.Directory : TarEntryType.RegularFile;
        await using var content = type == TarEntryType.RegularFile ? info.OpenRead() : null;
        var entry = new GnuTarEntry(type, isFolder ? name + "/" : name)
        {
            ModificationTime = Time,
            Mode = type == TarEntryType.RegularFile && !FolderDigest.IsExecutable(info.FullName) ? File644 : Program755,
        };
        if (info.LinkTarget is { } link)
        {
            entry.LinkName = link;
        }

        if (content is not null)
        {
            entry.DataStream = content;
        }

        await tar.WriteEntryAsync(entry, cancellationToken);
    }
}

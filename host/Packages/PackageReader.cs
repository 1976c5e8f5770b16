using System.IO.Compression;
using System.Text;
using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Packages;

/// <summary>Takes a plugin from an archive or a folder into a new folder. Both may be anybody's.</summary>
internal static class PackageReader
{
    // Headers and padding of the most entries come to far less.
    private const long MostOtherBytes = 64L << 20;

    private const int UserExecute = 0x40;
    private const int DeepestWalk = 32;

    /// <param name="source">An archive of <c>berth plugin pack</c>, or a folder.</param>
    /// <param name="target">An empty folder.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="mostBytes">Of all its files.</param>
    /// <exception cref="RuntimeException">There is none, or something in it is refused.</exception>
    public static async Task ReadAsync(string source, string target, CancellationToken cancellationToken, long mostBytes = PackageSink.MostBytes)
    {
        using var root = SafeFd.OpenDirectory(target);
        var sink = new PackageSink(root, mostBytes);
        try
        {
            switch (FileStatus.Find(source)?.Kind)
            {
                case FileKind.Folder:
                    using (var folder = SafeFd.OpenDirectory(source))
                    {
                        await CopyAsync(folder, "", sink, 0, cancellationToken);
                    }

                    break;
                case FileKind.Regular:
                    await UnpackAsync(source, sink, mostBytes + MostOtherBytes, cancellationToken);
                    break;
                case null:
                    throw RuntimeException.NotFound("there is no such file or folder");
                default:
                    throw RuntimeException.InvalidArgument("it is neither a file nor a folder");
            }
        }
        catch (RuntimeException e)
        {
            throw new RuntimeException(e.Code, $"{source} is not taken: {e.Message}", e);
        }
        catch (Exception e) when (e is InvalidDataException or LinuxException or IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{source} is not taken: {e.Message}", e);
        }
    }

    private static async Task UnpackAsync(string archive, PackageSink sink, long mostBytes, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(archive);
        var magic = new byte[2];
        if (await file.ReadAtLeastAsync(magic, 2, throwOnEndOfStream: false, cancellationToken) < 2 || magic is not [0x1F, 0x8B])
        {
            throw RuntimeException.InvalidArgument("it is no gzip file; `berth plugin pack` makes a .tar.gz");
        }

        file.Position = 0;
        await using var plain = new BoundedStream(new GZipStream(file, CompressionMode.Decompress), mostBytes);
        var tar = new TarReader(plain);
        for (var isFirst = true; await tar.NextAsync(cancellationToken) is { } entry; isFirst = false)
        {
            if (isFirst && (entry.Type != TarEntryType.File || Encoding.UTF8.GetString(entry.Name) != PluginManifestReader.FileName))
            {
                throw RuntimeException.InvalidArgument($"its first entry is not {PluginManifestReader.FileName}; `berth plugin pack` puts it there");
            }

            await TakeAsync(tar, entry, sink, cancellationToken);
        }

        // To the end, where gzip's checksum is.
        var rest = new byte[64 * 1024];
        while (await plain.ReadAsync(rest, cancellationToken) is > 0 and var count)
        {
            if (rest.AsSpan(0, count).ContainsAnyExcept((byte)0))
            {
                throw RuntimeException.InvalidArgument("something follows the end of the archive");
            }
        }
    }

    private static async Task TakeAsync(TarReader tar, TarEntry entry, PackageSink sink, CancellationToken cancellationToken)
    {
        switch (entry.Type)
        {
            case TarEntryType.Folder:
                sink.AddFolder(entry.Name);
                break;
            case TarEntryType.Symlink:
                sink.AddLink(entry.Name, entry.LinkName);
                break;
            case TarEntryType.File when entry.DataRuns is null:
                await sink.AddFileAsync(entry.Name, (entry.Mode & UserExecute) != 0, tar.ReadAsync, cancellationToken);
                break;
            default:
                throw RuntimeException.InvalidArgument($"'{Encoding.UTF8.GetString(entry.Name)}' is a {(entry.DataRuns is null ? entry.Type : "sparse file")}; only files, folders and links are taken");
        }
    }

    // By descriptors: somebody who owns the folder may move things about meanwhile.
    private static async Task CopyAsync(SafeFd folder, string path, PackageSink sink, int depth, CancellationToken cancellationToken)
    {
        if (depth > DeepestWalk)
        {
            throw RuntimeException.InvalidArgument($"'{path}' is deeper than {DeepestWalk} folders");
        }

        foreach (var name in FileTree.Names(folder).OrderBy(static n => Encoding.UTF8.GetString(n), StringComparer.Ordinal))
        {
            byte[] whole = path.Length == 0 ? name : [.. Encoding.UTF8.GetBytes(path), (byte)'/', .. name];
            var kind = FilesAt.Status(folder, name)?.Kind;
            if (kind == FileKind.Folder)
            {
                sink.AddFolder(whole);
                using var below = FilesAt.OpenSubfolder(folder, name);
                await CopyAsync(below, Encoding.UTF8.GetString(whole), sink, depth + 1, cancellationToken);
            }
            else if (kind == FileKind.Symlink)
            {
                sink.AddLink(whole, FilesAt.LinkTarget(folder, name));
            }
            else
            {
                using var file = FilesAt.OpenFile(folder, name);
                var status = FileStatus.Of(file);
                if (status.Kind != FileKind.Regular)
                {
                    throw RuntimeException.InvalidArgument($"'{Encoding.UTF8.GetString(whole)}' is neither a file, a folder nor a link");
                }

                await sink.AddFileAsync(whole, (status.Mode & UserExecute) != 0, (buffer, _) => new(file.Read(buffer.Span) ?? 0), cancellationToken);
            }
        }
    }

    /// <summary>Ends an unpacking that never ends: a gigabyte of nothing fits into a megabyte.</summary>
    private sealed class BoundedStream(Stream inner, long most) : ReadOnlyStream
    {
        private long _left = most;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await inner.ReadAsync(buffer, cancellationToken);
            return (_left -= count) >= 0 ? count : throw new InvalidDataException("it unpacks to more than a plugin may have");
        }

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}

using System.Text;
using Berth.Abstractions;
using Berth.Images.Layers;
using Microsoft.Win32.SafeHandles;

namespace Berth.Images.Archives;

/// <summary>A tar archive, read where it lies: an index of its files is made once, and layers are read from their places.</summary>
internal sealed class TarArchive : IImageArchive
{
    private const int MostEntries = 100_000;
    private const int MostLinks = 8;

    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, (long Offset, long Length)> _files = [];
    private readonly Dictionary<string, string> _links = [];

    private TarArchive(string name, SafeFileHandle file) => (Name, _file) = (name, file);

    public string Name { get; }

    /// <param name="path">The archive.</param>
    /// <param name="name">Its name for messages.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RuntimeException">It is no tar archive: InvalidArgument.</exception>
    public static async Task<TarArchive> OpenAsync(string path, string name, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 * 1024, useAsync: true);
        var archive = new TarArchive(name, File.OpenHandle(path, options: FileOptions.Asynchronous));
        try
        {
            await archive.IndexAsync(stream, cancellationToken);
            return archive;
        }
        catch (InvalidDataException e)
        {
            archive.Dispose();
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{name} is no archive of images: {e.Message}", e);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    public Stream? Open(string path)
    {
        for (var links = 0; links < MostLinks && _links.TryGetValue(path, out var target); links++)
        {
            path = target;
        }

        return _files.TryGetValue(path, out var place) ? new RangeStream(_file, place.Offset, place.Length) : null;
    }

    public void Dispose() => _file.Dispose();

    private async Task IndexAsync(FileStream stream, CancellationToken cancellationToken)
    {
        var tar = new TarReader(stream);
        while (await tar.NextAsync(cancellationToken) is { } entry)
        {
            if (_files.Count + _links.Count >= MostEntries)
            {
                throw new InvalidDataException($"it has more than {MostEntries} files");
            }

            var path = EntryPath.Parse(entry.Name);
            switch (entry.Type)
            {
                case TarEntryType.File when entry.DataRuns is null:
                    _files[Text(path)] = (stream.Position, entry.StoredLength);
                    break;
                case TarEntryType.HardLink:
                    _links[Text(path)] = Text(EntryPath.Parse(entry.LinkName));
                    break;
                case TarEntryType.Symlink when Resolve(path.Parent, entry.LinkName) is { } target:
                    _links[Text(path)] = Text(target);
                    break;
            }
        }
    }

    // "docker save" shares layers by links such as ../<id>/layer.tar; one that climbs out leads nowhere.
    private static EntryPath? Resolve(EntryPath folder, byte[] target)
    {
        var parts = new List<string>(Text(folder).Split('/', StringSplitOptions.RemoveEmptyEntries));
        foreach (var part in Encoding.UTF8.GetString(target).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".." && parts.Count == 0)
            {
                return null;
            }

            if (part == "..")
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }

        return EntryPath.Parse(Encoding.UTF8.GetBytes(string.Join('/', parts)));
    }

    private static string Text(EntryPath path) => Encoding.UTF8.GetString(path.Bytes);

    private sealed class RangeStream(SafeFileHandle file, long offset, long length) : ReadOnlyStream
    {
        private long _position;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var wanted = (int)Math.Min(buffer.Length, length - _position);
            var count = wanted == 0 ? 0 : await RandomAccess.ReadAsync(file, buffer[..wanted], offset + _position, cancellationToken);
            _position += count;
            return count;
        }
    }
}

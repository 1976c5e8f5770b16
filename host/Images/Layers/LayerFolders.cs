using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>
/// Opens the folders of a layer that is being written, beneath its root, and makes those that have no entry of their own.
/// The last one stays open, since the entries of a folder mostly follow each other.
/// </summary>
internal sealed class LayerFolders(SafeFd root, MemoryBudget budget) : IDisposable
{
    private EntryPath _path = EntryPath.Root;
    private SafeFd? _open;

    /// <summary>Folders made for want of an entry, parents first: their metadata is that of the lower layers.</summary>
    public List<EntryPath> Implied { get; } = [];

    /// <summary>Where the folder that was opened last really is, if a link of the layer stands in its path.</summary>
    public EntryPath RealPath { get; private set; } = EntryPath.Root;

    /// <summary>The folder, which this object keeps open until the next call.</summary>
    /// <exception cref="InvalidDataException">A part of the path is no folder, or a link that leaves the layer.</exception>
    public SafeFd Open(EntryPath path)
    {
        if (_open is null || path != _path)
        {
            Forget();
            RealPath = path;
            _open = OpenOrMake(path);
            _path = path;
        }

        return _open;
    }

    /// <summary>Closes the kept folder.</summary>
    public void Forget()
    {
        _open?.Dispose();
        _open = null;
    }

    public void Dispose() => Forget();

    private SafeFd OpenOrMake(EntryPath path)
    {
        try
        {
            return FilesAt.OpenFolder(root, path.Bytes);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return Make(path);
        }
        catch (LinuxException e) when (e.IsLink)
        {
            return OpenThroughLinks(path);
        }
        catch (LinuxException e) when (e.IsNotFolder)
        {
            return MakeOverWhiteout(path, e);
        }
    }

    // A link within the layer may stand for a folder of it (lib -> usr/lib) as long as the kernel finds that it stays
    // beneath the root; absolute links and those that climb out do not.
    private SafeFd OpenThroughLinks(EntryPath path)
    {
        try
        {
            var folder = FilesAt.OpenFolderThroughLinks(root, path.Bytes);
            RealPath = new(FilesAt.PathWithin(root, folder));
            return folder;
        }
        catch (LinuxException e) when (!e.IsOutOfResources)
        {
            throw new InvalidDataException("a part of the path is a symbolic link that does not lead to a folder of this layer", e);
        }
    }

    // The kernel says ENOTDIR for a whiteout in the path as for any other file: walking tells them apart.
    private SafeFd MakeOverWhiteout(EntryPath path, LinuxException reason)
    {
        try
        {
            return Make(path);
        }
        catch (LinuxException e) when (e.IsNotFolder)
        {
            throw new InvalidDataException("a part of the path is not a folder", reason);
        }
    }

    private SafeFd Make(EntryPath path)
    {
        var at = FilesAt.OpenFolder(root, []);
        try
        {
            foreach (var range in path.Bytes.AsSpan().Split((byte)'/'))
            {
                var next = OpenOrMakePart(at, path.Bytes.AsSpan(range), new(path.Bytes[..range.End.Value]));
                at.Dispose();
                at = next;
            }

            return at;
        }
        catch
        {
            at.Dispose();
            throw;
        }
    }

    private SafeFd OpenOrMakePart(SafeFd parent, ReadOnlySpan<byte> name, EntryPath path)
    {
        var existing = FilesAt.Status(parent, name);
        if (existing is { Kind: FileKind.Symlink })
        {
            return OpenThroughLinks(path);
        }

        if (existing is { IsWhiteout: true })
        {
            FilesAt.Unlink(parent, name);
        }

        if (existing is null or { IsWhiteout: true })
        {
            budget.Charge(path.Bytes.Length);
            FilesAt.TryCreateFolder(parent, name);
            FilesAt.SetMode(parent, name, 0x1ED); // 0755, unless a lower layer knows better
            Implied.Add(path);
        }

        var folder = FilesAt.OpenSubfolder(parent, name);
        if (existing is { IsWhiteout: true })
        {
            ExtendedAttributes.TrySet(folder, [], Whiteout.OpaqueAttribute, "y"u8);
        }

        return folder;
    }
}

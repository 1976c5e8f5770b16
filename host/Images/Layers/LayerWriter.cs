using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>A hard link whose target is not in its own layer, left for <see cref="LayerFinisher"/>.</summary>
internal sealed record MissingLink(EntryPath Path, EntryPath Target);

/// <summary>
/// Writes the entries of one layer into its folder, in the form that overlayfs reads: a whiteout is a character device 0:0,
/// an opaque folder has an attribute. Other layers are not needed for that, so all layers of an image are written at once.
/// </summary>
internal sealed class LayerWriter : IDisposable
{
    private const long BlockBytes = 4096;

    private readonly SafeFd _root;
    private readonly LayerFolders _folders;
    private readonly List<(EntryPath Path, int Mode, FileTime Modified)> _finalModes = [];
    private readonly MemoryBudget _budget = new();

    public LayerWriter(string folder)
    {
        _root = SafeFd.OpenDirectory(folder);
        _folders = new(_root, _budget);
    }

    /// <summary>Disk space of what was written, in whole blocks.</summary>
    public long SizeBytes { get; private set; } = BlockBytes;

    public long Inodes { get; private set; } = 1;

    /// <summary>Folders that have no entry, parents first.</summary>
    public IReadOnlyList<EntryPath> ImpliedFolders
    {
        get
        {
            if (_folders.Implied.Count == 0)
            {
                return [];
            }

            var entered = _finalModes.Select(static m => m.Path).ToHashSet();
            return [.. _folders.Implied.Where(p => !entered.Contains(p))];
        }
    }

    public List<MissingLink> MissingLinks { get; } = [];

    /// <summary>Whether the root folder has an entry of its own.</summary>
    public bool HasRootEntry { get; private set; }

    /// <summary>The first attribute that the file system would not take, or null.</summary>
    public string? RefusedAttribute { get; private set; }

    /// <summary>Makes what the entry says; the caller then writes the content into the file that is returned, if any.</summary>
    /// <exception cref="InvalidDataException">The entry is hostile or impossible.</exception>
    public SafeFd? Add(TarEntry entry)
    {
        var path = EntryPath.Parse(entry.Name);
        switch (Whiteout.Classify(path))
        {
            case WhiteoutKind.Opaque:
                MarkOpaque(_folders.Open(path.Parent), []);
                return null;
            case WhiteoutKind.Name:
                AddWhiteout(_folders.Open(path.Parent), Whiteout.Hidden(path));
                return null;
            case WhiteoutKind.Ignored:
                return null;
        }

        if (path.IsRoot)
        {
            AddRoot(entry);
            return null;
        }

        var folder = _folders.Open(path.Parent);
        if (entry.Type == TarEntryType.Folder)
        {
            AddFolder(folder, path, entry);
            return null;
        }

        return AddOther(folder, path, entry);
    }

    /// <summary>Sets owner, mode, attributes and time of a file once its content is there: a write clears setuid and capabilities.</summary>
    public void Complete(TarEntry entry)
    {
        var path = EntryPath.Parse(entry.Name);
        var folder = _folders.Open(path.Parent);
        SetMetadata(folder, path.FileName, entry);
        FilesAt.SetTimes(folder, path.FileName, ModifiedOf(entry));
        Count(entry.StoredLength);
    }

    /// <summary>Sets the modes and times of folders, which writing into them would have changed.</summary>
    public void CompleteFolders()
    {
        _folders.Forget();
        foreach (var (path, mode, modified) in _finalModes)
        {
            try
            {
                using var folder = FilesAt.OpenFolder(_root, path.Bytes);
                FilesAt.SetMode(folder, [], mode);
                FilesAt.SetTimes(folder, [], modified);
            }
            catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
            {
                // A later entry of the layer replaced the folder or its parents.
            }
        }
    }

    public void Dispose()
    {
        _folders.Dispose();
        _root.Dispose();
    }

    private SafeFd? AddOther(SafeFd folder, EntryPath path, TarEntry entry)
    {
        var name = path.FileName;
        RemoveExisting(folder, name);
        switch (entry.Type)
        {
            case TarEntryType.File:
                return FilesAt.CreateFile(folder, name);
            case TarEntryType.HardLink:
                AddHardLink(path, EntryPath.Parse(entry.LinkName));
                return null;
            case TarEntryType.Symlink:
                RequireTarget(entry);
                FilesAt.CreateSymlink(folder, name, entry.LinkName);
                break;
            case TarEntryType.CharacterDevice when entry is { DeviceMajor: 0, DeviceMinor: 0 }:
                throw new InvalidDataException("a character device 0:0 is not a device but hides what lower layers have");
            default:
                FilesAt.CreateNode(folder, name, KindOf(entry.Type), entry.DeviceMajor, entry.DeviceMinor);
                break;
        }

        SetMetadata(folder, name, entry);
        FilesAt.SetTimes(folder, name, ModifiedOf(entry));
        Count(0);
        return null;
    }

    private void AddRoot(TarEntry entry)
    {
        if (entry.Type != TarEntryType.Folder)
        {
            throw new InvalidDataException("the entry would replace the root folder");
        }

        HasRootEntry = true;
        SetOwnerAndAttributes(_root, [], entry);
        Remember(EntryPath.Root, entry);
    }

    private void AddFolder(SafeFd folder, EntryPath path, TarEntry entry)
    {
        var name = path.FileName;
        if (!FilesAt.TryCreateFolder(folder, name))
        {
            var existing = FilesAt.Status(folder, name);
            if (existing is not { Kind: FileKind.Folder })
            {
                FilesAt.Unlink(folder, name);
                FilesAt.TryCreateFolder(folder, name);
            }

            if (existing is { IsWhiteout: true })
            {
                MarkOpaque(folder, name);
            }
        }

        SetOwnerAndAttributes(folder, name, entry);
        Remember(_folders.RealPath.Append(name), entry);
        Count(BlockBytes);
    }

    // An entry of the same layer wins over a whiteout, whichever comes first: it hides only what lower layers have.
    private void AddWhiteout(SafeFd folder, ReadOnlySpan<byte> name)
    {
        switch (FilesAt.Status(folder, name))
        {
            case null:
                FilesAt.CreateNode(folder, name, FileKind.CharacterDevice, 0, 0);
                Count(0);
                break;
            case { Kind: FileKind.Folder }:
                MarkOpaque(folder, name);
                break;
        }
    }

    private void AddHardLink(EntryPath path, EntryPath target)
    {
        if (target.IsRoot)
        {
            throw new InvalidDataException("a hard link to the root folder");
        }

        // The target's folder may differ from the entry's, so neither is the one that is kept open.
        using var targetFolder = TryOpenFolder(target.Parent);
        if (targetFolder is null || FilesAt.Status(targetFolder, target.FileName) is not { } status || status.IsWhiteout)
        {
            _budget.Charge(path.Bytes.Length + target.Bytes.Length);
            MissingLinks.Add(new(path, target));
            return;
        }

        if (status.Kind == FileKind.Folder)
        {
            throw new InvalidDataException("a hard link to a folder");
        }

        FilesAt.CreateHardLink(targetFolder, target.FileName, _folders.Open(path.Parent), path.FileName);
    }

    private SafeFd? TryOpenFolder(EntryPath path)
    {
        try
        {
            return FilesAt.OpenFolderThroughLinks(_root, path.Bytes);
        }
        catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder)
        {
            return null;
        }
        catch (LinuxException e) when (e.IsLink)
        {
            throw new InvalidDataException("a path leaves the layer through a symbolic link", e);
        }
    }

    private void RemoveExisting(SafeFd folder, ReadOnlySpan<byte> name)
    {
        if (FilesAt.Status(folder, name) is not null)
        {
            FileTree.Delete(folder, name);
            Inodes--;
        }
    }

    private static void MarkOpaque(SafeFd folder, ReadOnlySpan<byte> name)
    {
        if (!ExtendedAttributes.TrySet(folder, name, Whiteout.OpaqueAttribute, "y"u8))
        {
            throw new LinuxException("lsetxattr", "trusted.overlay.opaque: the file system of the image store cannot hold it; overlay needs one that can", 95);
        }
    }

    private void SetMetadata(SafeFd folder, ReadOnlySpan<byte> name, TarEntry entry)
    {
        SetOwnerAndAttributes(folder, name, entry);
        if (entry.Type != TarEntryType.Symlink)
        {
            FilesAt.SetMode(folder, name, entry.Mode);
        }
    }

    private void SetOwnerAndAttributes(SafeFd folder, ReadOnlySpan<byte> name, TarEntry entry)
    {
        // New files are root's, and no folder has its setgid bit yet.
        if (entry.Uid != 0 || entry.Gid != 0 || entry.Type == TarEntryType.Folder)
        {
            FilesAt.SetOwner(folder, name, entry.Uid, entry.Gid);
        }

        foreach (var attribute in entry.Attributes)
        {
            if (LayerAttributes.IsTaken(attribute.Key) && !ExtendedAttributes.TrySet(folder, name, attribute.Key, attribute.Value))
            {
                RefusedAttribute ??= $"{System.Text.Encoding.UTF8.GetString(attribute.Key)} of {EntryPath.Parse(entry.Name)}";
            }
        }
    }

    private void Remember(EntryPath path, TarEntry entry)
    {
        _budget.Charge(path.Bytes.Length);
        _finalModes.Add((path, entry.Mode, ModifiedOf(entry)));
    }

    private void Count(long bytes)
    {
        Inodes++;
        SizeBytes += (bytes + BlockBytes - 1) / BlockBytes * BlockBytes;
    }

    private static void RequireTarget(TarEntry entry)
    {
        if (entry.LinkName.Length is 0 or > 4095)
        {
            throw new InvalidDataException("a symbolic link has no target that can be");
        }
    }

    private static FileTime ModifiedOf(TarEntry entry) => new(entry.ModifiedSeconds, entry.ModifiedNanoseconds);

    private static FileKind KindOf(TarEntryType type) => type switch
    {
        TarEntryType.CharacterDevice => FileKind.CharacterDevice,
        TarEntryType.BlockDevice => FileKind.BlockDevice,
        _ => FileKind.Fifo,
    };
}

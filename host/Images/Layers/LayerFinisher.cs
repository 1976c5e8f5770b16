using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>
/// Puts right what a layer cannot know while it is unpacked next to its lower layers: the metadata of folders that it only
/// implies, folders that are a symbolic link below, and hard links whose target lies below. It looks at the lower layers as
/// the container will see them, through overlayfs, and never leaves that view.
/// </summary>
internal static class LayerFinisher
{
    /// <param name="layer">The layer's folder.</param>
    /// <param name="lower">The folder of the view of all layers below.</param>
    /// <param name="implied">See <see cref="LayerWriter.ImpliedFolders"/>.</param>
    /// <param name="links">See <see cref="LayerWriter.MissingLinks"/>.</param>
    public static void Finish(string layer, string lower, IReadOnlyList<EntryPath> implied, IReadOnlyList<MissingLink> links)
    {
        using var root = SafeFd.OpenDirectory(layer);
        using var view = SafeFd.OpenDirectory(lower);
        var moves = new List<(EntryPath From, EntryPath To)>();
        foreach (var path in implied)
        {
            FinishFolder(root, view, path, moves);
        }

        foreach (var link in links)
        {
            CopyTarget(root, view, link with { Path = AfterMoves(link.Path, moves) });
        }
    }

    /// <summary>A layer whose root folder has no entry leaves it as it is below.</summary>
    public static void CopyRoot(string lower, string layer)
    {
        using var from = SafeFd.OpenDirectory(lower);
        using var to = SafeFd.OpenDirectory(layer);
        FileMetadata.Copy(from, [], to, []);
    }

    private static void FinishFolder(SafeFd root, SafeFd view, EntryPath entered, List<(EntryPath From, EntryPath To)> moves)
    {
        var path = AfterMoves(entered, moves);
        using var below = TryLocate(view, path, followLast: true);
        if (below is null || FilesAt.Status(below, []) is not { Kind: FileKind.Folder })
        {
            return; // new in this layer, or it replaces what is no folder
        }

        var real = new EntryPath(FilesAt.PathWithin(view, below));
        if (real == path)
        {
            CopyMetadata(root, view, path);
            return;
        }

        // Below, the path goes through a link: what this layer has there belongs to the folder behind it.
        using var target = MakeFolder(root, view, real);
        using (var source = FilesAt.OpenFolder(root, path.Bytes))
        {
            FolderMerge.Move(source, target);
        }

        using var parent = FilesAt.OpenFolder(root, path.Parent.Bytes);
        FilesAt.RemoveFolder(parent, path.FileName);
        CopyMetadata(root, view, real);
        moves.Add((path, real));
    }

    private static EntryPath AfterMoves(EntryPath path, List<(EntryPath From, EntryPath To)> moves)
    {
        foreach (var (from, to) in moves)
        {
            if (path.Bytes.AsSpan().StartsWith(from.Bytes) && path.Bytes.Length > from.Bytes.Length && path.Bytes[from.Bytes.Length] == '/')
            {
                path = to.Append(path.Bytes.AsSpan(from.Bytes.Length + 1));
            }
        }

        return path;
    }

    private static SafeFd MakeFolder(SafeFd root, SafeFd view, EntryPath path)
    {
        if (path.IsRoot)
        {
            return FilesAt.OpenFolder(root, []);
        }

        using var folders = new LayerFolders(root, new MemoryBudget());
        folders.Open(path);
        foreach (var made in folders.Implied)
        {
            CopyMetadata(root, view, made);
        }

        return FilesAt.OpenFolder(root, path.Bytes);
    }

    private static void CopyMetadata(SafeFd root, SafeFd view, EntryPath path)
    {
        if (path.IsRoot)
        {
            return;
        }

        using var from = FilesAt.OpenFolder(view, path.Bytes);
        using var to = FilesAt.OpenFolder(root, path.Bytes);
        FileMetadata.Copy(from, [], to, []);
    }

    private static void CopyTarget(SafeFd root, SafeFd view, MissingLink link)
    {
        using var folders = new LayerFolders(root, new MemoryBudget());
        var folder = folders.Open(link.Path.Parent);
        if (FilesAt.Status(folder, link.Path.FileName) is not null)
        {
            return; // a later entry of the layer took the name
        }

        using var target = TryLocate(view, link.Target, followLast: false);
        if (target is null || FilesAt.Status(target, []) is not { Kind: FileKind.Regular })
        {
            throw new InvalidDataException($"entry {link.Path}: the hard link's target {link.Target} is no file of this layer or those below");
        }

        using (var copy = FilesAt.CreateFile(folder, link.Path.FileName))
        {
            FileContent.Copy(target, copy);
        }

        using var targetFolder = FilesAt.Locate(view, link.Target.Parent.Bytes, followLast: true);
        FileMetadata.Copy(targetFolder, link.Target.FileName, folder, link.Path.FileName);
    }

    private static SafeFd? TryLocate(SafeFd view, EntryPath path, bool followLast)
    {
        try
        {
            return FilesAt.Locate(view, path.Bytes, followLast);
        }
        catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
        {
            return null;
        }
    }
}

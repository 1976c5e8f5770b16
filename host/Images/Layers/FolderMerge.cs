using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>Moves what one folder of a layer holds into another of the same layer.</summary>
internal static class FolderMerge
{
    /// <summary>Folders of both are merged; otherwise what is moved replaces what is there. The target keeps its time.</summary>
    public static void Move(SafeFd source, SafeFd target)
    {
        var modified = FilesAt.Status(target, [])!.Value.Modified;
        foreach (var name in FileTree.Names(source))
        {
            MoveName(source, target, name);
        }

        FilesAt.SetTimes(target, [], modified);
    }

    private static void MoveName(SafeFd source, SafeFd target, byte[] name)
    {
        var moved = FilesAt.Status(source, name);
        switch (FilesAt.Status(target, name))
        {
            case null:
                FilesAt.Rename(source, name, target, name);
                break;
            case { Kind: FileKind.Folder } when moved is { Kind: FileKind.Folder }:
                using (var from = FilesAt.OpenSubfolder(source, name))
                using (var to = FilesAt.OpenSubfolder(target, name))
                {
                    Move(from, to);
                }

                FilesAt.RemoveFolder(source, name);
                break;
            default:
                FileTree.Delete(target, name);
                FilesAt.Rename(source, name, target, name);
                break;
        }
    }
}

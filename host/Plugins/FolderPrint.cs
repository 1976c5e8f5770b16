using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Berth.Linux;

namespace Berth.Plugins;

/// <summary>
/// What tells that a folder has changed, without reading its files: names, inodes, sizes, modes and times. Whoever replaces a file
/// by rename, or switches a link, changes an inode.
/// </summary>
internal static class FolderPrint
{
    private const int MostFiles = 10_000;

    /// <summary>Of a folder and all beneath it; a link at its own name is followed. Empty if there is none.</summary>
    public static string Of(string folder)
    {
        var text = new StringBuilder();
        var pending = new Stack<string>();
        if (RealPath.Find(folder) is { } real)
        {
            text.Append(real).Append('\n');
            pending.Push(real);
        }

        for (var count = 0; pending.TryPop(out var path) && count < MostFiles; count++)
        {
            // What vanishes under the walk is a change that the next look sees.
            if (FileStatus.Find(path, followLink: false) is not { } status)
            {
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $"{path} {status.Inode} {status.Kind} {status.Mode} {status.Uid} {status.SizeBytes} {status.Modified}\n");
            if (status.Kind == FileKind.Folder)
            {
                foreach (var child in Children(path))
                {
                    pending.Push(child);
                }
            }
        }

        return text.Length == 0 ? "" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string[] Children(string path)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(path).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}

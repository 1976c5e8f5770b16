using System.Globalization;
using System.Text;
using Berth.Linux;

namespace Berth.Images.Archives;

/// <summary>A folder; its own links are resolved within it.</summary>
internal sealed class FolderArchive(string folder) : IImageArchive
{
    private readonly SafeFd _root = SafeFd.OpenDirectory(folder);

    public string Name => folder;

    public Stream? Open(string path)
    {
        try
        {
            using var file = FilesAt.Locate(_root, Encoding.UTF8.GetBytes(path), followLast: true);
            return FilesAt.Status(file, []) is { Kind: FileKind.Regular }
                ? new FileStream(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.Number}"), FileMode.Open, FileAccess.Read, FileShare.Read, 0, useAsync: true)
                : null;
        }
        catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
        {
            return null;
        }
    }

    public void Dispose() => _root.Dispose();
}

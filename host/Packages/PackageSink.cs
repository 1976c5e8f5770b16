using System.Text;
using Berth.Abstractions;
using Berth.Images.Layers;
using Berth.Linux;

namespace Berth.Packages;

/// <summary>
/// A new folder that is filled from what others have made, an archive or a folder of theirs. Files, folders and links to a name beside
/// them are taken, and nothing else; every path is resolved beneath the folder by the kernel, every size is bounded.
/// </summary>
/// <param name="root">The folder.</param>
/// <param name="mostBytes">Of all files.</param>
internal sealed class PackageSink(SafeFd root, long mostBytes = PackageSink.MostBytes)
{
    /// <summary>The most entries of a plugin; also of a folder that the gateway loads.</summary>
    public const int MostEntries = 10_000;

    /// <summary>The most bytes of all files of a plugin; likewise.</summary>
    public const long MostBytes = 1L << 30;

    private const int LongestPath = 1024;
    private const int DeepestFolder = 32;
    private const int ModeOfFolders = 0x1ED, ModeOfPrograms = 0x1ED, ModeOfFiles = 0x1A4; // 0755, 0755, 0644

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private int _entries;
    private long _bytes;

    public void AddFolder(byte[] name)
    {
        var path = Admit(name);
        using var parent = ParentOf(path);
        if (!FilesAt.TryCreateFolder(parent, path.FileName))
        {
            throw Twice(path);
        }

        FilesAt.SetMode(parent, path.FileName, ModeOfFolders);
    }

    public void AddLink(byte[] name, byte[] target)
    {
        var path = Admit(name);
        if (target.AsSpan().Contains((byte)'/') || target.AsSpan().SequenceEqual(".."u8) || target.AsSpan().SequenceEqual("."u8))
        {
            throw Refused(path, "is a symbolic link that leads elsewhere; only links to a name beside them are taken");
        }

        Demand(target);
        using var parent = ParentOf(path);
        try
        {
            FilesAt.CreateSymlink(parent, path.FileName, target);
        }
        catch (LinuxException e) when (e.IsExisting)
        {
            throw Twice(path);
        }
    }

    /// <param name="name">The path in the folder.</param>
    /// <param name="isProgram">Whether it can be executed; no other bits are kept.</param>
    /// <param name="read">Gives the content piece by piece; 0 is its end.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task AddFileAsync(byte[] name, bool isProgram, Func<Memory<byte>, CancellationToken, ValueTask<int>> read, CancellationToken cancellationToken)
    {
        var path = Admit(name);
        using var parent = ParentOf(path);
        using var file = Create(parent, path);
        var buffer = new byte[64 * 1024];
        while (await read(buffer, cancellationToken) is > 0 and var count)
        {
            if ((_bytes += count) > mostBytes)
            {
                throw Refused(path, $"goes over the limit of {mostBytes >> 20} MiB for a plugin");
            }

            file.Write(buffer.AsSpan(0, count));
        }

        FilesAt.SetMode(parent, path.FileName, isProgram ? ModeOfPrograms : ModeOfFiles);
    }

    private static SafeFd Create(SafeFd parent, EntryPath path)
    {
        try
        {
            return FilesAt.CreateFile(parent, path.FileName);
        }
        catch (LinuxException e) when (e.IsExisting)
        {
            throw Twice(path);
        }
    }

    private SafeFd ParentOf(EntryPath path)
    {
        try
        {
            return FilesAt.OpenFolder(root, path.Parent.Bytes);
        }
        catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
        {
            throw Refused(path, "comes before its folder");
        }
    }

    private EntryPath Admit(byte[] name)
    {
        if (++_entries > MostEntries)
        {
            throw RuntimeException.InvalidArgument($"it has more than {MostEntries} files and folders");
        }

        var path = Demand(name);
        return path.Bytes.Length <= LongestPath && path.Bytes.AsSpan().Count((byte)'/') < DeepestFolder
            ? path
            : throw Refused(path, $"is longer than {LongestPath} bytes or deeper than {DeepestFolder} folders");
    }

    // Names are compared, signed and shown as text: they must be some.
    private static EntryPath Demand(byte[] name)
    {
        try
        {
            var path = EntryPath.Parse(name);
            return name is not [(byte)'/', ..] && !path.IsRoot && !Strict.GetString(name).Any(char.IsControl)
                ? path
                : throw new InvalidDataException("it is absolute, empty, or has control characters");
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            throw RuntimeException.InvalidArgument($"the name {Show(name)} is refused: {e.Message}");
        }
    }

    private static RuntimeException Twice(EntryPath path) => Refused(path, "is there twice");

    private static RuntimeException Refused(EntryPath path, string reason) => RuntimeException.InvalidArgument($"{Show(path.Bytes)} {reason}");

    private static string Show(byte[] name) => $"'{Encoding.UTF8.GetString(name[..Math.Min(name.Length, 200)])}'";
}

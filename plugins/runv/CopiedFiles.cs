using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Guest.Protocol;
using Berth.Linux;
using Berth.Plugins.Vm;

namespace Berth.Plugins.Runv;

/// <summary>
/// The files of the host that a container wants, read to be copied into the guest: a file, or the files of a folder (a config
/// map, a service account's token), whose links are followed as long as they stay in it.
/// </summary>
internal sealed class CopiedFiles
{
    // A request to the guest holds 4 MiB, and bytes in JSON take a third more.
    private const int MaxBytes = 2 << 20, MaxFiles = 128, MaxDepth = 8;
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly List<string> _folders = [];
    private readonly Dictionary<string, FileRights> _rights = [];
    private readonly List<ReturnedFile> _returned = [];
    private int _room = MaxBytes;

    private CopiedFiles()
    {
    }

    /// <summary>Contents by their names in the guest.</summary>
    public IReadOnlyDictionary<string, byte[]> Files => _files;

    /// <summary>Folders, by their names in the guest.</summary>
    public IReadOnlyList<string> Folders => _folders;

    /// <summary>Owners and permissions of both, by their names in the guest.</summary>
    public IReadOnlyDictionary<string, FileRights> Rights => _rights;

    /// <summary>Those that the container may write.</summary>
    public IReadOnlyList<ReturnedFile> Returned => _returned;

    /// <summary>The name in the guest of what is mounted.</summary>
    public static string NameOf(HostMount mount) => string.Create(CultureInfo.InvariantCulture, $"m{mount.Index}");

    /// <summary>Reads all of a container's mounts.</summary>
    /// <exception cref="RuntimeException"><see cref="RuntimeErrorCode.NotSupported"/>: one of them cannot be copied; the message names it.</exception>
    public static CopiedFiles Read(string containerId, IReadOnlyList<HostMount> mounts)
    {
        var copied = new CopiedFiles();
        foreach (var mount in mounts)
        {
            try
            {
                copied.Add(mount);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Refusal(containerId, mount, $"cannot be read ({e.Message})");
            }
            catch (NotSupportedException e)
            {
                throw Refusal(containerId, mount, e.Message);
            }
        }

        return copied;
    }

    private void Add(HostMount mount)
    {
        if (Directory.Exists(mount.Source))
        {
            if (!mount.ReadOnly)
            {
                throw new NotSupportedException("is a writable folder");
            }

            using var root = SafeFd.OpenDirectory(mount.Source);
            AddFolder(mount, root, "", MaxDepth);
            return;
        }

        if (FileStatus.Find(mount.Source) is not { Kind: FileKind.Regular })
        {
            throw new NotSupportedException("is neither a folder nor a regular file");
        }

        using var file = SafeFd.OpenRead(mount.Source);
        Add(NameOf(mount), file);
        if (!mount.ReadOnly)
        {
            var status = FileStatus.Of(file);
            _returned.Add(new()
            {
                Name = NameOf(mount),
                HostPath = mount.Source,
                FileSystem = status.FileSystem,
                Inode = status.Inode,
                Sha256 = Convert.ToHexStringLower(SHA256.HashData(_files[NameOf(mount)])),
            });
        }
    }

    // Names that begin with two dots are how the kubelet exchanges a volume's files at once; the links to them are what counts.
    private void AddFolder(HostMount mount, SafeFd root, string path, int depth)
    {
        if (_folders.Count == MaxFiles)
        {
            throw new NotSupportedException($"makes more than {MaxFiles} folders together with the others");
        }

        var folder = path.Length == 0 ? NameOf(mount) : Path.Combine(NameOf(mount), path);
        _folders.Add(folder);
        using (var located = FilesAt.Locate(root, Encoding.UTF8.GetBytes(path.Length == 0 ? "." : path), followLast: true))
        {
            _rights.Add(folder, RightsOf(located));
        }

        foreach (var name in Directory.EnumerateFileSystemEntries(Path.Combine(mount.Source, path)).Select(static p => Path.GetFileName(p)).Order(StringComparer.Ordinal))
        {
            if (name.StartsWith("..", StringComparison.Ordinal))
            {
                continue;
            }

            var inner = Path.Combine(path, name);
            using var located = FilesAt.Locate(root, Encoding.UTF8.GetBytes(inner), followLast: true);
            switch (FileStatus.Of(located).Kind)
            {
                case FileKind.Folder when depth > 0:
                    AddFolder(mount, root, inner, depth - 1);
                    break;
                case FileKind.Regular:
                    using (var file = Beneath.OpenInRoot(root, inner))
                    {
                        Add(Path.Combine(NameOf(mount), inner), file);
                    }

                    break;
                default:
                    throw new NotSupportedException($"has in it '{inner}', which is no regular file");
            }
        }
    }

    private void Add(string name, SafeFd file)
    {
        using var content = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (file.Read(buffer) is > 0 and var count)
        {
            _room -= count;
            if (_room < 0)
            {
                throw new NotSupportedException($"makes more than {MaxBytes} bytes together with the others");
            }

            content.Write(buffer.AsSpan(0, count));
        }

        if (_files.Count == MaxFiles)
        {
            throw new NotSupportedException($"makes more than {MaxFiles} files together with the others");
        }

        _files.Add(name, content.ToArray());
        _rights.Add(name, RightsOf(file));
    }

    private static FileRights RightsOf(SafeFd file)
    {
        var status = FileStatus.Of(file);
        return new(status.Mode, status.Uid, status.Gid);
    }

    private static RuntimeException Refusal(string containerId, HostMount mount, string why) => new(
        RuntimeErrorCode.NotSupported,
        $"container {containerId}: {mount.Source}, to be mounted on {mount.Destination}, {why}, and this handler shares nothing with the host: small files and read-only folders of them are copied in; use the handler clear-containers");
}

using System.Text;

namespace Berth.Linux;

/// <summary>
/// Writes a layer's folder, as overlayfs takes it, as the archive that images are made of: names sorted, so that the same
/// folder gives the same bytes, and overlayfs's marks turned into the <c>.wh.</c> names of the image format, or told apart.
/// </summary>
public sealed class FolderTar
{
    // Each level of the walk holds a descriptor and a stack frame.
    private const int DeepestWalk = 512;

    private readonly Stream _target;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<ulong, byte[]> _linked = [];
    private readonly byte[] _buffer = new byte[128 * 1024];

    private readonly Func<string, bool>? _isLeftOut;
    private readonly List<string> _hidden = [];
    private readonly List<string> _opaque = [];

    private FolderTar(Stream target, Func<string, bool>? isLeftOut, CancellationToken cancellation) => (_target, _isLeftOut, _cancellation) = (target, isLeftOut, cancellation);

    /// <summary>With <see cref="WriteChanges"/>: paths that hide what lower layers have there.</summary>
    public IReadOnlyList<string> Hidden => _hidden;

    /// <summary>With <see cref="WriteChanges"/>: folders that hide what lower layers have in them.</summary>
    public IReadOnlyList<string> Opaque => _opaque;

    /// <summary>How many entries were written.</summary>
    public long Entries { get; private set; }

    /// <summary>Writes a layer as images have them.</summary>
    /// <exception cref="InvalidDataException">It is nested too deep.</exception>
    public static FolderTar Write(string folder, Stream target, CancellationToken cancellationToken) =>
        new FolderTar(target, null, cancellationToken).WriteAll(folder);

    /// <summary>
    /// Writes what a writable layer holds, and tells its marks instead of writing them. Sockets are left out, as no archive can hold one.
    /// </summary>
    /// <param name="folder">The layer.</param>
    /// <param name="target">Gets the archive.</param>
    /// <param name="isLeftOut">Of a path with a leading slash: that it, with all beneath it, is not the container's.</param>
    /// <param name="cancellationToken">Ends the walk.</param>
    /// <exception cref="InvalidDataException">It is nested too deep.</exception>
    public static FolderTar WriteChanges(string folder, Stream target, Func<string, bool> isLeftOut, CancellationToken cancellationToken) =>
        new FolderTar(target, isLeftOut, cancellationToken).WriteAll(folder);

    private FolderTar WriteAll(string folder)
    {
        using var root = SafeFd.OpenDirectory(folder);
        WriteFolder(root, [], 1);
        TarArchive.End(_target);
        return this;
    }

    private void WriteFolder(SafeFd folder, byte[] path, int depth)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (depth > DeepestWalk)
        {
            throw new InvalidDataException($"a layer is nested deeper than {DeepestWalk} folders");
        }

        foreach (var name in FileTree.Names(folder).Order(ByteOrder.Instance))
        {
            var status = FilesAt.Status(folder, name) ?? throw new IOException("a layer of the image changes while it is read");
            byte[] full = path.Length == 0 ? name : [.. path, (byte)'/', .. name];
            if (_isLeftOut?.Invoke(Show(full)) is true)
            {
                continue;
            }

            if (status.IsWhiteout && _isLeftOut is not null)
            {
                _hidden.Add(Show(full));
            }
            else if (status.IsWhiteout)
            {
                Put(new() { Name = [.. full[..^name.Length], .. ".wh."u8, .. name], Kind = '0', Mode = 0x180 });
            }
            else
            {
                WriteEntry(folder, name, full, status, depth);
            }
        }
    }

    private void WriteEntry(SafeFd folder, byte[] name, byte[] path, FileStatus status, int depth)
    {
        var entry = new TarMember
        {
            Name = path,
            Kind = '0',
            Mode = status.Mode,
            Uid = status.Uid,
            Gid = status.Gid,
            ModifiedSeconds = status.Modified.Seconds,
        };
        if (status.Kind != FileKind.Folder && status.Links > 1)
        {
            if (_linked.TryGetValue(status.Inode, out var first))
            {
                Put(entry with { Kind = '1', LinkTarget = first });
                return;
            }

            _linked[status.Inode] = path;
        }

        var (attributes, isOpaque) = Attributes(folder, name);
        entry = entry with { Attributes = attributes };
        switch (status.Kind)
        {
            case FileKind.Folder:
                Put(entry with { Name = [.. path, (byte)'/'], Kind = '5' });
                if (isOpaque && _isLeftOut is not null)
                {
                    _opaque.Add(Show(path));
                }
                else if (isOpaque)
                {
                    Put(new() { Name = [.. path, .. "/.wh..wh..opq"u8], Kind = '0', Mode = 0x180 });
                }

                using (var sub = FilesAt.OpenSubfolder(folder, name))
                {
                    WriteFolder(sub, path, depth + 1);
                }

                break;
            case FileKind.Regular:
                Put(entry with { Size = status.SizeBytes });
                CopyContent(folder, name, status.SizeBytes);
                break;
            case FileKind.Symlink:
                Put(entry with { Kind = '2', LinkTarget = FilesAt.LinkTarget(folder, name) });
                break;
            case FileKind.CharacterDevice or FileKind.BlockDevice:
                Put(entry with { Kind = status.Kind == FileKind.BlockDevice ? '4' : '3', DeviceMajor = status.DeviceMajor, DeviceMinor = status.DeviceMinor });
                break;
            case FileKind.Fifo:
                Put(entry with { Kind = '6' });
                break;
            default:
                // No archive can hold a socket, so none came out of one.
                break;
        }
    }

    private static string Show(byte[] path) => "/" + Encoding.UTF8.GetString(path);

    private void Put(TarMember entry)
    {
        TarArchive.Write(_target, entry);
        Entries++;
    }

    private static (List<KeyValuePair<byte[], byte[]>> Attributes, bool IsOpaque) Attributes(SafeFd folder, byte[] name)
    {
        var (found, isOpaque) = (new List<KeyValuePair<byte[], byte[]>>(), false);
        foreach (var key in ExtendedAttributes.List(folder, name).Order(ByteOrder.Instance))
        {
            if (key.AsSpan().StartsWith("trusted.overlay."u8))
            {
                isOpaque |= key.AsSpan().SequenceEqual("trusted.overlay.opaque"u8) && ExtendedAttributes.Get(folder, name, key) is [(byte)'y'];
            }
            else if (!key.AsSpan().StartsWith("security.selinux"u8) && ExtendedAttributes.Get(folder, name, key) is { } value)
            {
                found.Add(new(key, value));
            }
        }

        return (found, isOpaque);
    }

    private void CopyContent(SafeFd folder, byte[] name, long size)
    {
        using var located = FilesAt.Locate(folder, name, followLast: false);
        using var file = SafeFd.OpenRead($"/proc/self/fd/{located.Number}");
        var rest = size;
        while (rest > 0)
        {
            _cancellation.ThrowIfCancellationRequested();
            var count = file.Read(_buffer.AsSpan(0, (int)Math.Min(rest, _buffer.Length))) ?? 0;
            if (count == 0)
            {
                throw new IOException("a file of a layer became shorter while it was read");
            }

            _target.Write(_buffer, 0, count);
            rest -= count;
        }

        TarArchive.Pad(_target, size);
    }

    private sealed class ByteOrder : IComparer<byte[]>
    {
        public static ByteOrder Instance { get; } = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}

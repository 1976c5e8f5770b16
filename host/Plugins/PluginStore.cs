using System.Collections.Concurrent;
using Berth.Linux;

namespace Berth.Plugins;

/// <summary>
/// The folders from which plugins are loaded: <c>ROOT/plugins/DIGEST</c>, copied whole, then renamed into place, and never changed
/// after. So the folder that a vendor's package writes to may change at any time, and two versions live side by side.
/// </summary>
public sealed class PluginStore(string root)
{
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Program = ReadOnly | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly string _folder = FolderIn(root);
    private readonly ConcurrentDictionary<string, (string Print, string Digest)> _known = new();
    private readonly ConcurrentDictionary<string, bool> _whole = new();

    /// <summary>Where all of them are.</summary>
    public static string FolderIn(string root) => Path.Combine(root, "plugins");

    /// <summary>Where a digest lies, or would.</summary>
    public string FolderOf(string digest) => Path.Combine(_folder, digest);

    /// <summary>Copies a plugin's folder, unless its content is there already; the digest.</summary>
    /// <exception cref="PluginRejectedException">It is too large, or changes while it is read.</exception>
    internal string Stage(string source)
    {
        var print = FolderPrint.Of(source);
        var digest = _known.TryGetValue(source, out var known) && known.Print == print ? known.Digest : FolderDigest.Of(source);
        if (!IsWhole(digest))
        {
            Copy(source, digest);
        }

        if (FolderPrint.Of(source) != print)
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Folder, $"{source} changes while it is read");
        }

        _known[source] = (print, digest);
        return digest;
    }

    /// <summary>Whether a digest's folder is there and its content is still that of its name.</summary>
    public bool Holds(string digest) => digest.Length > 0 && IsWhole(digest);

    /// <summary>Removes a folder; absent is success.</summary>
    public void Remove(string digest)
    {
        _whole.TryRemove(digest, out _);
        FileTree.Delete(FolderOf(digest));
    }

    /// <summary>Removes all but those, and what a copy that was cut off has left.</summary>
    public void Sweep(IReadOnlySet<string> keep)
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        foreach (var folder in Directory.EnumerateDirectories(_folder).Where(f => !keep.Contains(Path.GetFileName(f))))
        {
            Remove(Path.GetFileName(folder));
        }
    }

    // A folder that the disk has damaged is copied anew; one look a process is enough.
    private bool IsWhole(string digest)
    {
        if (_whole.ContainsKey(digest))
        {
            return true;
        }

        var whole = Directory.Exists(FolderOf(digest)) && FolderDigest.Of(FolderOf(digest)) == digest;
        if (whole)
        {
            _whole[digest] = true;
        }

        return whole;
    }

    private void Copy(string source, string digest)
    {
        var unfinished = Path.Combine(_folder, ".new-" + digest);
        FileTree.Delete(unfinished);
        FileTree.Delete(FolderOf(digest));
        Directory.CreateDirectory(unfinished);
        foreach (var path in FolderDigest.Walk(source))
        {
            CopyOne(path, Path.Combine(unfinished, Path.GetRelativePath(source, path)));
        }

        if (FolderDigest.Of(unfinished) != digest)
        {
            FileTree.Delete(unfinished);
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Folder, $"{source} changes while it is read");
        }

        Directory.Move(unfinished, FolderOf(digest));
        _whole[digest] = true;
    }

    private static void CopyOne(string path, string target)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is { } link)
        {
            File.CreateSymbolicLink(target, link);
        }
        else if (file.Attributes.HasFlag(FileAttributes.Directory))
        {
            Directory.CreateDirectory(target);
        }
        else
        {
            File.Copy(path, target);
            File.SetUnixFileMode(target, FolderDigest.IsExecutable(path) ? Program : ReadOnly);
        }
    }
}

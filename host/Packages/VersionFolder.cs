using System.Text;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Packages;

/// <summary>
/// The versions of the plugins in one folder of <c>plugins.folders</c>. The gateway looks at <c>FOLDER/ID</c>, which is a link that is
/// switched in one step:
/// <code>
///   FOLDER/acme -> .versions/acme/000002-1.1.0-3f2a…
///   FOLDER/.versions/acme/000001-1.0.0-9bc1…      kept to go back to
///   FOLDER/.versions/.new                          what is being unpacked
/// </code>
/// There is no other state: whatever moment a kill comes at, the link leads to a whole version, and the next command tidies up.
/// </summary>
internal sealed class VersionFolder(string folder)
{
    // Whatever the caller's umask is: the gateway takes nothing that others can write.
    internal const UnixFileMode RootWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const int Kept = 3;

    private string Versions { get; } = Path.Combine(folder, ".versions");

    /// <summary>Where the gateway finds a plugin.</summary>
    public string LinkOf(string id) => Path.Combine(folder, id);

    /// <summary>Ids of which this keeps versions.</summary>
    public IReadOnlyList<string> Ids => Directory.Exists(Versions)
        ? [.. Directory.GetDirectories(Versions).Select(static f => Path.GetFileName(f)).Where(static n => n[0] != '.').Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The oldest first.</summary>
    public IReadOnlyList<InstalledVersion> All(string id) => Directory.Exists(Of(id))
        ? [.. Directory.GetDirectories(Of(id)).Select(InstalledVersion.Of).OfType<InstalledVersion>().OrderBy(static v => v.Number)]
        : [];

    /// <summary>What the link leads to; null if it is not one of the kept versions.</summary>
    public InstalledVersion? Current(string id) =>
        new FileInfo(LinkOf(id)).LinkTarget is { } target ? All(id).FirstOrDefault(v => v.Path == Path.GetFullPath(target, folder)) : null;

    /// <summary>Takes the lock that every change needs, makes the folders, and undoes what a killed command has left.</summary>
    /// <exception cref="RuntimeException">Another command changes it now.</exception>
    public SafeFd Lock()
    {
        Directory.CreateDirectory(Versions, RootWrites);
        var held = SafeFd.OpenDirectory(Versions);
        if (!FileLock.TryTake(held))
        {
            held.Dispose();
            throw new RuntimeException(RuntimeErrorCode.Busy, $"another command changes the plugins in {folder}; try again when it has ended");
        }

        FileTree.Delete(Path.Combine(Versions, ".new"));
        foreach (var id in Ids)
        {
            AdoptDisplaced(id);
        }

        return held;
    }

    /// <summary>An empty folder to unpack into.</summary>
    public string NewFolder() => Directory.CreateDirectory(Path.Combine(Versions, ".new"), RootWrites).FullName;

    /// <summary>Gives what was unpacked its place; a version of the same content is taken instead, as the newest unless it is in force.</summary>
    public InstalledVersion Add(string id, string version, string digest)
    {
        var fresh = Path.Combine(Versions, ".new");
        Directory.CreateDirectory(Of(id), RootWrites);
        var all = All(id);
        // A plain folder that lies there will be kept as a version too, an older one.
        var number = (all.Count > 0 ? all[^1].Number : 0) + (IsPlain(id) ? 2 : 1);
        var next = InstalledVersion.Create(Of(id), number, version, digest);
        if (all.FirstOrDefault(v => v.Has(digest)) is { } same)
        {
            FileTree.Delete(fresh);
            if (same == all[^1] || same == Current(id))
            {
                return same;
            }

            Directory.Move(same.Path, next.Path);
            return next;
        }

        // What the link will lead to is on the disk before the link is.
        FileSystemSpace.Sync(fresh);
        Directory.Move(fresh, next.Path);
        return next;
    }

    /// <summary>Lets the gateway see a version from here on, in one step.</summary>
    public void Switch(string id, InstalledVersion version)
    {
        using var parent = SafeFd.OpenDirectory(folder);
        using var own = SafeFd.OpenDirectory(Of(id));
        FilesAt.Unlink(own, ".switch"u8);
        FilesAt.CreateSymlink(own, ".switch"u8, Encoding.UTF8.GetBytes(Path.GetRelativePath(folder, version.Path)));
        var name = Encoding.UTF8.GetBytes(id);
        if (IsPlain(id))
        {
            // A folder that somebody has put there is kept as a version.
            FilesAt.Exchange(own, ".switch"u8, parent, name);
            AdoptDisplaced(id);
        }
        else
        {
            FilesAt.Rename(own, ".switch"u8, parent, name);
        }
    }

    /// <summary>Removes old versions, but none in use, and none of the newest ones.</summary>
    public void Prune(string id)
    {
        var current = Current(id);
        foreach (var old in All(id).SkipLast(Kept).Where(v => v != current))
        {
            FileTree.Delete(old.Path);
        }
    }

    /// <summary>Removes one version that is not in use.</summary>
    public void Drop(string id, InstalledVersion version)
    {
        FileTree.Delete(version.Path);
        if (!Directory.EnumerateFileSystemEntries(Of(id)).Any())
        {
            Directory.Delete(Of(id));
        }
    }

    /// <summary>The gateway sees nothing of the plugin from here on.</summary>
    public void Unlink(string id) => File.Delete(LinkOf(id));

    /// <summary>Removes a plugin; the link goes first.</summary>
    public void Remove(string id)
    {
        if (IsPlain(id))
        {
            Directory.CreateDirectory(Of(id), RootWrites);
            Directory.Move(LinkOf(id), Path.Combine(Of(id), ".switch"));
        }
        else
        {
            File.Delete(LinkOf(id));
        }

        FileTree.Delete(Of(id));
    }

    private string Of(string id) => Path.Combine(Versions, id);

    private bool IsPlain(string id) => FileStatus.Find(LinkOf(id), followLink: false) is { Kind: FileKind.Folder };

    // Switched out a moment ago, perhaps by a command that was killed just then.
    private void AdoptDisplaced(string id)
    {
        var displaced = Path.Combine(Of(id), ".switch");
        if (FileStatus.Find(displaced, followLink: false) is not { Kind: FileKind.Folder })
        {
            File.Delete(displaced);
            return;
        }

        var all = All(id);
        if (all.Count > 0 && PluginScan.Look(displaced) is { Manifest: { } manifest } && manifest.Id == id)
        {
            // An installation has kept a number for it; a rollback has not.
            var number = all.All(v => v.Number != all[^1].Number - 1) ? all[^1].Number - 1 : all[^1].Number + 1;
            Directory.Move(displaced, InstalledVersion.Create(Of(id), number, manifest.Version, FolderDigest.Of(displaced)).Path);
            return;
        }

        FileTree.Delete(displaced);
    }
}

using Berth.Linux;

namespace Berth.Plugins;

/// <summary>
/// A plugin runs with all rights of the gateway, so its folder must be out of reach for everyone who does not have
/// them anyway: root, the gateway's user, and the owner of the gateway's own program.
/// </summary>
internal static class PluginFolder
{
    private const int MostFiles = 10_000;

    /// <summary>
    /// Follows a link at the folder's own name, by which versions are switched. The link must be a trusted user's, and nobody
    /// else may be able to put something else where it leads.
    /// </summary>
    public static string Resolve(string folder)
    {
        if (FileStatus.Find(folder, followLink: false) is not { Kind: FileKind.Symlink } link)
        {
            return folder;
        }

        var trusted = TrustedUsers();
        var real = RealPath.Find(folder) ?? throw Refused(folder, $"it is a link to {new FileInfo(folder).LinkTarget}, which is not there");
        if (!trusted.Contains(link.Uid))
        {
            throw Refused(folder, $"the link belongs to user {link.Uid}; chown -h it to root");
        }

        for (var parent = Path.GetDirectoryName(real); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            const int Sticky = 0x200;
            var status = FileStatus.Find(parent) ?? throw Refused(folder, $"{parent} is gone; it changes while it is read");
            if (!trusted.Contains(status.Uid) || (status.IsWritableByOthers && (status.Mode & Sticky) == 0))
            {
                throw Refused(folder, $"it is a link into {parent}, where others than root can replace what is there");
            }
        }

        return real;
    }

    /// <summary>Throws if anybody else could change what is loaded.</summary>
    public static void Check(string folder)
    {
        var trusted = TrustedUsers();
        var pending = new Stack<string>([folder]);
        var count = 0;
        while (pending.TryPop(out var path))
        {
            if (++count > MostFiles)
            {
                throw Refused(folder, $"it holds more than {MostFiles} files");
            }

            if (CheckOne(folder, path, trusted))
            {
                foreach (var child in Directory.EnumerateFileSystemEntries(path))
                {
                    pending.Push(child);
                }
            }
        }
    }

    // Whether it is a folder to go into.
    private static bool CheckOne(string folder, string path, HashSet<uint> trusted)
    {
        var status = FileStatus.Find(path, followLink: false) ?? throw Refused(folder, $"{path} is gone; it changes while it is read");
        if (!trusted.Contains(status.Uid))
        {
            throw Refused(folder, $"{path} belongs to user {status.Uid}; chown it to root");
        }

        if (status.Kind == FileKind.Symlink)
        {
            CheckLink(folder, path);
            return false;
        }

        if (status.IsWritableByOthers)
        {
            throw Refused(folder, $"{path} can be written by others than its owner; run chmod go-w on it");
        }

        return status.Kind == FileKind.Folder || (status.Kind == FileKind.Regular ? false : throw Refused(folder, $"{path} is neither a file nor a folder"));
    }

    // A name beside it, as in libx.so -> libx.so.1, cannot lead out, whatever other links there are.
    private static void CheckLink(string folder, string path)
    {
        var target = new FileInfo(path).LinkTarget;
        if (path == folder || target is null or ".." || target.Contains('/'))
        {
            throw Refused(folder, $"{path} is a symbolic link to {target}; only links to a name beside them are taken");
        }
    }

    private static HashSet<uint> TrustedUsers() =>
        [0, OwnProcess.EffectiveUserId, FileStatus.Find(typeof(PluginFolder).Assembly.Location)?.Uid ?? 0];

    private static PluginRejectedException Refused(string folder, string reason) =>
        new(PluginState.Failed, PluginRefusal.Folder, $"the plugin folder {folder} is refused: {reason}");
}

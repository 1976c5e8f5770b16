using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;

namespace Berth;

/// <summary>The gateway's folders, and the lock that keeps a second gateway out of them.</summary>
internal static class GatewayFolders
{
    // Users' containers pass through the roots on the way to their own; nothing beneath is readable to others.
    private const UnixFileMode Passable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes the folders and takes the lock; dispose of the result at the end.</summary>
    public static IDisposable Take(GatewayOptions options)
    {
        Make(options.Root, Passable);
        Make(options.State, Passable);
        Make(Path.Combine(options.State, "sandboxes"), Passable);
        Make(Path.Combine(options.State, "containers"), Passable);
        Make(Path.Combine(options.State, "h"), OwnerOnly);
        Make(Path.Combine(options.Root, "h"), OwnerOnly);
        // Handlers that are only tried; what a kill has left of them goes here.
        FileTree.Delete(Path.Combine(options.State, "t"));
        FileTree.Delete(Path.Combine(options.Root, "t"));
        RefuseWritableByOthers(options.Root);
        RefuseWritableByOthers(options.State);
        return Lock(Path.Combine(options.Root, "lock"));
    }

    private static void Make(string path, UnixFileMode mode)
    {
        if (!Directory.Exists(path))
        {
            Directory.CreateDirectory(path, mode);
        }
    }

    private static void RefuseWritableByOthers(string path)
    {
        if ((File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            throw RuntimeException.FailedPrecondition($"folder {path} can be written by others than its owner: chmod go-w {path}");
        }
    }

    // FileShare.None takes an advisory flock(2), which the kernel drops with the process, however it ends.
    private static FileStream Lock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new RuntimeException(
                RuntimeErrorCode.FailedPrecondition, $"another gateway uses {Path.GetDirectoryName(path)} ({e.Message}): stop it, or give this one a --root of its own", e);
        }
    }
}

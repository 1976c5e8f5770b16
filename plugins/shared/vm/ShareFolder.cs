using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// The folder that a guest sees through the file server: nothing but bind mounts, a folder for each container. It is a mount of
/// its own whose later mounts reach the file server's mount namespace and nobody else's.
/// </summary>
internal static class ShareFolder
{
    public static void Make(VmFiles files)
    {
        Remove(files);
        Directory.CreateDirectory(files.Share);
        Mounts.Bind(files.Share, files.Share);
        // Private first: otherwise it would stay a peer of what it was bound from.
        Mounts.MakePrivate(files.Share);
        Mounts.MakeShared(files.Share);
    }

    /// <summary>Makes a file or folder of the host appear; returns its path within the share.</summary>
    public static string Add(VmFiles files, string containerId, string name, string source, bool readOnly, bool recursive)
    {
        var target = Path.Combine(files.ShareOf(containerId), name);
        try
        {
            Directory.CreateDirectory(files.ShareOf(containerId));
            if (Directory.Exists(source))
            {
                Directory.CreateDirectory(target);
            }
            else
            {
                using (File.Create(target))
                {
                }
            }

            Mounts.Bind(source, target, recursive);
            if (readOnly)
            {
                // The guest's own read-only flag is only as good as the guest.
                Mounts.MakeReadOnly(target);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.Unavailable($"container {containerId}: {source} cannot be shared with the VM: {e.Message}", e);
        }

        return Path.Combine(containerId, name);
    }

    public static void Remove(VmFiles files, string containerId) => RemoveTree(files.ShareOf(containerId));

    public static void Remove(VmFiles files) => RemoveTree(files.Share);

    // Never a recursive delete over a path that may still be a mount: that would delete the container's volumes.
    private static void RemoveTree(string folder)
    {
        MountTable.UnmountBeneath(folder);
        if (!Directory.Exists(folder))
        {
            return;
        }

        if (MountTable.Beneath(folder).Count > 0)
        {
            throw RuntimeException.Unavailable($"{folder} still has mounts; it is left as it is, and a retry removes it");
        }

        Directory.Delete(folder, recursive: true);
    }
}

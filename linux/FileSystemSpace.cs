namespace Berth.Linux;

/// <summary>What a file system has left, see statvfs(3).</summary>
/// <param name="TotalBytes">Its size.</param>
/// <param name="AvailableBytes">Free for all users.</param>
/// <param name="TotalInodes">Zero where the file system makes inodes as needed.</param>
/// <param name="AvailableInodes">Free inodes.</param>
public readonly record struct FileSystemSpace(long TotalBytes, long AvailableBytes, long TotalInodes, long AvailableInodes)
{
    /// <summary>Of the file system that a path lies on.</summary>
    public static unsafe FileSystemSpace Of(string path)
    {
        var words = stackalloc ulong[32];
        if (Libc.statvfs(path, words) != 0)
        {
            throw LinuxException.Last("statvfs", path);
        }

        // f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail
        return new((long)(words[2] * words[1]), (long)(words[4] * words[1]), (long)words[5], (long)words[7]);
    }

    /// <summary>Waits until all that was written to the path's file system is on the disk, see syncfs(2).</summary>
    public static void Sync(string path)
    {
        using var fd = SafeFd.OpenDirectory(path);
        if (Libc.syncfs(fd.Number) != 0)
        {
            throw LinuxException.Last("syncfs", path);
        }
    }
}

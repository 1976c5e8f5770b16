using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// Locks of whole files and folders, see flock(2). A lock belongs to the open file: a child that has a copy of the descriptor
/// keeps the lock when the one who took it is gone, and the kernel drops it with the last copy.
/// </summary>
public static partial class FileLock
{
    private const int LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, EWOULDBLOCK = 11;

    /// <summary>Takes the lock for this descriptor alone; false if somebody has it.</summary>
    public static bool TryTake(SafeFd file) => TryLock(file, LOCK_EX);

    /// <summary>Whether somebody holds the lock of a folder; a folder that is not there is held by nobody.</summary>
    public static bool IsHeld(string folder)
    {
        try
        {
            using var file = SafeFd.OpenDirectory(folder);
            return !TryLock(file, LOCK_SH);
        }
        catch (LinuxException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    private static bool TryLock(SafeFd file, int kind)
    {
        while (flock(file.Number, kind | LOCK_NB) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case EWOULDBLOCK: return false;
                case Libc.EINTR: continue;
                case var errno: throw new LinuxException("flock", $"fd {file.Number}", errno);
            }
        }

        return true;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(int fd, int operation);
}

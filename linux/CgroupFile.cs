using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>The files and folders of one hierarchy.</summary>
internal static class CgroupFile
{
    private static readonly TimeSpan BusyTime = TimeSpan.FromSeconds(2);

    public static void Write(string path, ReadOnlySpan<byte> value)
    {
        using var file = SafeFd.Open(path, Libc.O_WRONLY);
        try
        {
            file.Write(value);
        }
        catch (LinuxException e)
        {
            throw new LinuxException("write", path, e.Errno);
        }
    }

    public static IReadOnlyList<string> Words(string path) => File.ReadAllText(path).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Makes a folder whose parent is there; one that exists stays.</summary>
    public static void MakeFolder(string path)
    {
        if (Libc.mkdir(path, 0b111_101_101) != 0 && Marshal.GetLastPInvokeError() != Libc.EEXIST)
        {
            throw LinuxException.Last("mkdir", path);
        }
    }

    /// <summary>The processes in a cgroup and its descendants; a cgroup that goes meanwhile has none.</summary>
    public static List<int> PidsBeneath(string folder)
    {
        List<int> pids = [];
        foreach (var cgroup in Descendants(folder))
        {
            try
            {
                // Lines may repeat; see cgroups(7).
                pids.AddRange(File.ReadLines($"{cgroup}/cgroup.procs").Select(static l => int.Parse(l, CultureInfo.InvariantCulture)).Distinct());
            }
            catch (IOException)
            {
                // ENOENT, ENODEV: removed between the listing and the reading.
            }
        }

        return pids;
    }

    /// <summary>Removes a cgroup and its descendants. The kernel may call one busy for a moment after its last process ended.</summary>
    public static async Task RemoveTreeAsync(string folder, CancellationToken cancellationToken)
    {
        var started = Environment.TickCount64;
        var pause = 1;
        foreach (var cgroup in Descendants(folder).AsEnumerable().Reverse())
        {
            while (!TryRemove(cgroup))
            {
                if (Environment.TickCount64 - started > BusyTime.TotalMilliseconds)
                {
                    throw new LinuxException("rmdir", $"{cgroup} (it still holds processes, or a cgroup that came meanwhile)", Libc.EBUSY);
                }

                await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
                pause = Math.Min(pause * 2, 50);
            }
        }
    }

    // Parents before their children.
    private static List<string> Descendants(string folder)
    {
        List<string> found = [folder];
        for (var i = 0; i < found.Count; i++)
        {
            try
            {
                found.AddRange(Directory.EnumerateDirectories(found[i]));
            }
            catch (DirectoryNotFoundException)
            {
                // Removed meanwhile.
            }
        }

        return found;
    }

    /// <summary>True if it is gone, false if it is in use.</summary>
    public static bool TryRemove(string cgroup)
    {
        if (Libc.rmdir(cgroup) == 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno switch
        {
            Libc.ENOENT => true,
            Libc.EBUSY or Libc.ENOTEMPTY => false,
            _ => throw new LinuxException("rmdir", cgroup, errno),
        };
    }
}

using System.Globalization;

namespace Berth.Linux;

/// <summary>
/// How many descriptors and threads this process has. To look takes none of either and no memory to speak of, so it works when there is
/// none to be had any more.
/// </summary>
public sealed class OwnUsage : IDisposable
{
    // 0 to 2 are taken, or were closed on purpose and stay free.
    private const int FirstNumber = 3;

    // A folder of procfs has two links of its own, and this one another for each thread.
    private const int OwnLinks = 2;

    private readonly SafeFd _tasks = SafeFd.Open("/proc/self/task", Libc.O_RDONLY | Libc.O_DIRECTORY);

    /// <summary>
    /// The lowest number that is free, or the limit: as every call that makes a descriptor gives it the lowest, those below are all taken, and none
    /// is left when there is none below the limit. That takes the kernel no longer where there are a million.
    /// </summary>
    public int Descriptors
    {
        get
        {
            var copy = Libc.fcntl(_tasks.Number, Libc.F_DUPFD_CLOEXEC, FirstNumber);
            if (copy < 0)
            {
                return DescriptorLimit;
            }

            _ = Libc.close(copy);
            return copy;
        }
    }

    public int Threads => (int)FileStatus.Of(_tasks).Links - OwnLinks;

    /// <summary>The soft limit of descriptors; see getrlimit(2).</summary>
    public static unsafe int DescriptorLimit
    {
        get
        {
            var limits = stackalloc ulong[2];
            return Libc.getrlimit(Libc.RLIMIT_NOFILE, limits) == 0 ? (int)Math.Min(limits[0], int.MaxValue) : throw LinuxException.Last("getrlimit", "RLIMIT_NOFILE");
        }
    }

    /// <summary>
    /// How many threads it could have, with what others have now: of the machine (threads-max and pid_max of proc_sys_kernel(5)), and of
    /// its cgroup and those above it (pids.max).
    /// </summary>
    public int ThreadLimit(CgroupLayout layout)
    {
        const int AllOfTheMachine = 3; // running/all of proc_loadavg(5)
        var machine = int.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[AllOfTheMachine].Split('/')[1], CultureInfo.InvariantCulture);
        var room = Math.Min(Number("/proc/sys/kernel/threads-max")!.Value, Number("/proc/sys/kernel/pid_max")!.Value) - machine;
        var (hierarchy, path) = (layout.Find("pids"), new Cgroups(layout).PathOf(Environment.ProcessId, "pids"));
        while (hierarchy is not null && path is { Length: > 1 })
        {
            if (Number($"{hierarchy.Folder(path)}/pids.max") is { } max && Number($"{hierarchy.Folder(path)}/pids.current") is { } taken)
            {
                room = Math.Min(room, max - taken);
            }

            path = path[..path.LastIndexOf('/')];
        }

        return (int)Math.Clamp(Threads + room, 0, int.MaxValue);
    }

    public void Dispose() => _tasks.Dispose();

    // Null where there is no such file, or no limit.
    private static long? Number(string path) => File.Exists(path) && long.TryParse(File.ReadAllText(path), CultureInfo.InvariantCulture, out var number) ? number : null;
}

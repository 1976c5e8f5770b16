using System.Globalization;
using Berth.Linux;

namespace Berth.Metrics;

/// <summary>What the page of metrics shows of a container's processes. Null is not known, or would cost too much to know.</summary>
public sealed record ProcessDetails
{
    // Each is two system calls: beyond this the sockets are left out.
    private const long MostDescriptors = 512;

    // Each costs about as much as three files of its cgroup.
    private const int MostProcesses = 256;

    private const string OpenFiles = "Max open files";

    public required int Processes { get; init; }

    public long? Descriptors { get; init; }

    public long? Sockets { get; init; }

    /// <summary>Of the first process; null for none.</summary>
    public ulong? MaxOpenFiles { get; init; }

    /// <summary>Of these processes now; null if there are none.</summary>
    /// <param name="pids">In the order of the cgroup.</param>
    /// <param name="init">The first process; 0 if it is not known.</param>
    public static ProcessDetails? Read(IReadOnlyList<int> pids, int init)
    {
        if (pids.Count == 0)
        {
            return null;
        }

        var descriptors = pids.Count <= MostProcesses ? pids.Sum(Count) : (long?)null;
        return new()
        {
            Processes = pids.Count,
            Descriptors = descriptors,
            Sockets = descriptors <= MostDescriptors ? pids.Sum(SocketsOf) : null,
            MaxOpenFiles = init > 0 ? Limit(init) : null,
        };
    }

    // The folder's size is their number from kernel 6.2 on, see proc_pid_fd(5).
    private static long Count(int pid)
    {
        var folder = Folder(pid);
        try
        {
            return FileStatus.Find(folder) is { SizeBytes: > 0 and var size } ? size : Directory.EnumerateFileSystemEntries(folder).LongCount();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0; // it has just ended
        }
    }

    private static long SocketsOf(int pid)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(Folder(pid)).LongCount(static fd => new FileInfo(fd).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static ulong? Limit(int pid)
    {
        try
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/limits")).FirstOrDefault(static l => l.StartsWith(OpenFiles, StringComparison.Ordinal));
            return line is null ? null : StatText.Number(line[OpenFiles.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Folder(int pid) => string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/fd");
}

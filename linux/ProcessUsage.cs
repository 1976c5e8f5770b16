using System.Globalization;

namespace Berth.Linux;

/// <summary>What a process takes, see proc_pid_stat(5) and proc_pid_fd(5).</summary>
/// <param name="CpuSeconds">Since its start, in user and kernel mode.</param>
/// <param name="MemoryBytes">What of it is in memory.</param>
/// <param name="Descriptors">Open ones.</param>
public readonly record struct ProcessUsage(double CpuSeconds, long MemoryBytes, int Descriptors)
{
    // USER_HZ, the same on every architecture that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Reads it, or null if the process is gone.</summary>
    public static ProcessUsage? TryRead(int pid)
    {
        var folder = $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}";
        try
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            // The name in parentheses may hold anything, so count from the last ')': state is field 3.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return new(
                (Number(fields[11]) + Number(fields[12])) / TicksPerSecond,
                Number(fields[21]) * Environment.SystemPageSize,
                Directory.EnumerateFileSystemEntries(Path.Combine(folder, "fd")).Count());
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>Processes by what their environment says; see proc_pid_environ(5).</summary>
public static class ProcessEnvironment
{
    /// <summary>The processes of this mount namespace that began with an entry <c>NAME=VALUE</c>; those of containers are never among them.</summary>
    public static IReadOnlyList<int> Find(string entry)
    {
        var own = MountNamespace(Environment.ProcessId);
        var wanted = Encoding.UTF8.GetBytes('\0' + entry + '\0');
        return [.. ProcStat.Processes().Where(pid => Contains(pid, wanted) && MountNamespace(pid) == own)];
    }

    private static bool Contains(int pid, byte[] wanted)
    {
        try
        {
            return new ReadOnlySpan<byte>([0, .. File.ReadAllBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/environ")), 0]).IndexOf(wanted) >= 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended meanwhile
        }
    }

    private static string? MountNamespace(int pid)
    {
        try
        {
            return new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/mnt")).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

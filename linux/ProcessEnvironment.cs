using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>Processes by what their environment says; see proc_pid_environ(5).</summary>
public static class ProcessEnvironment
{
    /// <summary>The processes of this mount namespace that began with an entry <c>NAME=VALUE</c>; those of containers are never among them.</summary>
    public static IReadOnlyList<int> Find(string entry)
    {
        var own = MountNamespace("self");
        var wanted = Encoding.UTF8.GetBytes('\0' + entry + '\0');
        return
        [
            .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
                .Where(name => char.IsAsciiDigit(name![0]) && Contains(name, wanted) && MountNamespace(name) == own)
                .Select(static name => int.Parse(name!, CultureInfo.InvariantCulture)),
        ];
    }

    private static bool Contains(string process, byte[] wanted)
    {
        try
        {
            return new ReadOnlySpan<byte>([0, .. File.ReadAllBytes($"/proc/{process}/environ"), 0]).IndexOf(wanted) >= 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended meanwhile
        }
    }

    private static string? MountNamespace(string process)
    {
        try
        {
            return new FileInfo($"/proc/{process}/ns/mnt").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

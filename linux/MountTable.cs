using System.Globalization;

namespace Berth.Linux;

/// <summary>A line of proc_pid_mountinfo(5).</summary>
/// <param name="MountPoint">Where it is.</param>
/// <param name="FileSystem">Its type.</param>
/// <param name="Source">What is mounted.</param>
/// <param name="Options">Per-mount options.</param>
/// <param name="Propagation">The optional fields, such as <c>shared:12</c>; empty is private.</param>
public sealed record MountEntry(string MountPoint, string FileSystem, string Source, string Options, string Propagation)
{
    /// <summary>Mounts beneath it reach its peers.</summary>
    public bool IsShared => Propagation.Contains("shared:", StringComparison.Ordinal);

    /// <summary>It receives mounts from its master.</summary>
    public bool IsSlave => Propagation.Contains("master:", StringComparison.Ordinal);
}

/// <summary>The mounts that this process sees.</summary>
public static class MountTable
{
    /// <summary>All, in the order of the kernel: a later one may cover an earlier.</summary>
    public static IReadOnlyList<MountEntry> Read() => [.. File.ReadLines("/proc/self/mountinfo").Select(Parse)];

    /// <summary>Those that another process sees, by their paths beneath its own root.</summary>
    public static IReadOnlyList<MountEntry> Of(int pid) => [.. File.ReadLines($"/proc/{pid}/mountinfo").Select(Parse)];

    /// <summary>Those at or beneath a folder.</summary>
    public static IReadOnlyList<MountEntry> Beneath(string folder)
    {
        var prefix = folder.TrimEnd('/') + "/";
        return [.. Read().Where(m => m.MountPoint == folder.TrimEnd('/') || m.MountPoint.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>The mount that a path lies on.</summary>
    public static MountEntry? Containing(string path) =>
        Read().Where(m => path == m.MountPoint || path.StartsWith(m.MountPoint.TrimEnd('/') + "/", StringComparison.Ordinal))
            .Aggregate((MountEntry?)null, static (best, m) => best is null || m.MountPoint.Length >= best.MountPoint.Length ? m : best);

    /// <summary>Detaches everything at or beneath a folder, deepest first.</summary>
    public static void UnmountBeneath(string folder)
    {
        foreach (var mount in Beneath(folder).Reverse())
        {
            Mounts.Unmount(mount.MountPoint);
        }
    }

    internal static MountEntry Parse(string line)
    {
        var fields = line.Split(' ');
        var separator = Array.IndexOf(fields, "-", 6);
        return new(
            Unescape(fields[4]), fields[separator + 1], Unescape(fields[separator + 2]), fields[5], string.Join(' ', fields[6..separator]));
    }

    // Space, tab, newline and backslash come as \ooo.
    private static string Unescape(string field)
    {
        var at = field.IndexOf('\\');
        if (at < 0)
        {
            return field;
        }

        var code = Convert.ToInt32(field.Substring(at + 1, 3), 8);
        return string.Create(CultureInfo.InvariantCulture, $"{field[..at]}{(char)code}{Unescape(field[(at + 4)..])}");
    }
}

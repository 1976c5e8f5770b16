using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>
/// Kills for lack of memory, as the kernel counts them. On v2 a cgroup's count includes those beneath it, so a pod's still has the
/// kills in a container whose cgroup is gone: systemd removes a scope as soon as its last process has ended, often before anybody
/// could look. Which of the pod's are explained already is kept in an attribute of the pod's cgroup, and so ends with the count.
/// </summary>
public sealed class CgroupOomKills(CgroupLayout layout)
{
    private const string Field = "oom_kill ";

    // A kill between two looks changes the sum; it settles at once.
    private const int MostLooks = 10;
    private static readonly Lock Gate = new();
    private static readonly byte[] Attribute = "trusted.berth.oom_kills"u8.ToArray();

    /// <summary>How many there were in a cgroup that is there; null if it is gone, or nothing counts.</summary>
    public long? In(string path) => layout.Find("memory") is { } hierarchy ? Read(hierarchy.Folder(path), hierarchy.IsV2) : null;

    /// <summary>
    /// Whether there were some beneath the parent that nothing explains: not in a sibling that is there, and not accounted for
    /// when a sibling ended. Two that end at once and are gone both share what there is: the first is said to be it.
    /// </summary>
    public bool AnyUnexplained(string path)
    {
        lock (Gate)
        {
            return Parent(path) is { } parent && OfTheGone(parent, path) is { } kills && kills > Explained(parent);
        }
    }

    /// <summary>Accounts for all that were in this cgroup: when its end was recorded, and it may go or is gone.</summary>
    public void Explain(string path)
    {
        lock (Gate)
        {
            if (Parent(path) is not { } parent || OfTheGone(parent, path) is not { } kills || kills == Explained(parent))
            {
                return;
            }

            try
            {
                using var folder = SafeFd.OpenDirectory(parent);
                ExtendedAttributes.TrySet(folder, [], Attribute, Encoding.ASCII.GetBytes(kills.ToString(CultureInfo.InvariantCulture)));
            }
            catch (LinuxException e) when (e.IsNotFound || e.Is(Libc.ENODEV))
            {
                // The pod ended meanwhile, and its count with it.
            }
        }
    }

    // All of the parent's but those in children that are there; the child in question counts as gone.
    private static long? OfTheGone(string parent, string path)
    {
        for (var look = 1; ; look++)
        {
            var before = Read(parent, isV2: true);
            var living = Children(parent).Where(c => Path.GetFileName(c) != Path.GetFileName(path)).Sum(static c => Read(c, isV2: true) ?? 0);
            if (before is not { } all || look == MostLooks || Read(parent, isV2: true) == before)
            {
                return before - living;
            }
        }
    }

    private static long Explained(string parent)
    {
        try
        {
            using var folder = SafeFd.OpenDirectory(parent);
            return ExtendedAttributes.Get(folder, [], Attribute) is { } value ? long.Parse(value, CultureInfo.InvariantCulture) : 0;
        }
        catch (LinuxException e) when (e.IsNotFound || e.Is(Libc.ENODEV))
        {
            return 0;
        }
    }

    private string? Parent(string path) =>
        layout.Find("memory") is { IsV2: true } hierarchy && path.LastIndexOf('/') is > 0 and var slash ? hierarchy.Folder(path[..slash]) : null;

    private static string[] Children(string folder)
    {
        try
        {
            return Directory.GetDirectories(folder);
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    private static long? Read(string folder, bool isV2)
    {
        try
        {
            var line = File.ReadLines(folder + (isV2 ? "/memory.events" : "/memory.oom_control")).FirstOrDefault(static l => l.StartsWith(Field, StringComparison.Ordinal));
            return line is null ? null : long.Parse(line.AsSpan(Field.Length), CultureInfo.InvariantCulture);
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException || e.HResult == Libc.ENODEV)
        {
            return null;
        }
    }
}

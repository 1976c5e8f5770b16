using System.Globalization;

namespace Berth.Linux;

/// <summary>What proc_pid_stat(5) says of a process.</summary>
/// <param name="State">One letter: <c>Z</c> is a zombie.</param>
/// <param name="Parent">Its parent's id.</param>
/// <param name="Session">Its session's id.</param>
/// <param name="StartTime">Clock ticks since boot; with the id it names the process for ever.</param>
public sealed record ProcStat(char State, int Parent, int Session, ulong StartTime)
{
    /// <summary>The processes that a process has started, those that they have, and so on.</summary>
    public static IReadOnlyList<int> Descendants(int pid)
    {
        var parents = Processes().ToLookup(static number => TryRead(number)?.Parent ?? 0);
        List<int> found = [.. parents[pid]];
        for (var i = 0; i < found.Count; i++)
        {
            found.AddRange(parents[found[i]]);
        }

        return found;
    }

    /// <summary>The processes that there are now.</summary>
    internal static IEnumerable<int> Processes() => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
        .Select(static name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
        .Where(static number => number > 0);

    /// <summary>Reads it, or null if the process is gone.</summary>
    public static ProcStat? TryRead(int pid)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
        }
        catch (IOException)
        {
            return null;
        }

        // The name in parentheses may hold anything, so count from the last ')': state is field 3.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return new(
            fields[0][0],
            int.Parse(fields[1], CultureInfo.InvariantCulture),
            int.Parse(fields[3], CultureInfo.InvariantCulture),
            ulong.Parse(fields[19], CultureInfo.InvariantCulture));
    }
}

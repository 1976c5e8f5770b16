using System.Globalization;

namespace Berth.Linux;

/// <summary>The ids of a process in nested PID namespaces: the line NSpid of proc_pid_status(5).</summary>
public static class NamespacePids
{
    private const string Key = "NSpid:";

    /// <summary>Outermost (this process's own view) first; empty if the process is gone.</summary>
    public static IReadOnlyList<int> Of(int pid)
    {
        try
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/status"))
                .FirstOrDefault(static l => l.StartsWith(Key, StringComparison.Ordinal));
            return line is null
                ? []
                : [.. line[Key.Length..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(static n => int.Parse(n, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            // Gone; reading the file of a process that ends meanwhile gives ESRCH.
            return [];
        }
    }

    /// <summary>The process among some that has an id at a depth, 0 being this process's own view; 0 if none has.</summary>
    public static int Find(IEnumerable<int> candidates, int depth, int inner) =>
        candidates.FirstOrDefault(pid => Of(pid) is var ids && ids.Count > depth && ids[depth] == inner);
}

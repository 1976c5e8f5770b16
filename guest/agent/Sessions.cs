using System.Globalization;

namespace Berth.Guest.Agent;

/// <summary>Which session a process is in.</summary>
internal static class Sessions
{
    /// <summary>The session; 0 if the process is gone.</summary>
    public static int Of(int pid) => ProcessStat.Of(pid)?.Session ?? 0;

    /// <summary>The processes in a cgroup that are in a session; null: all of them.</summary>
    public static IReadOnlyList<int> Members(string cgroup, int? session)
    {
        var file = Path.Combine(cgroup, "cgroup.procs");
        if (session == 0 || !File.Exists(file))
        {
            return [];
        }

        return [.. File.ReadLines(file).Select(static l => int.Parse(l, CultureInfo.InvariantCulture)).Where(pid => session is null || Of(pid) == session)];
    }
}

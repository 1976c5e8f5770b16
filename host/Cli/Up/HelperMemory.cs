using System.Globalization;
using System.Text.Json;
using Berth.Linux;

namespace Berth.Cli.Up;

/// <summary>
/// What a pod's helpers take: monitors, hypervisors, shims, all that runs in its overhead cgroup. Counted as PSS (proc_pid_smaps(5)),
/// so that pages which many helpers share count once.
/// </summary>
internal static class HelperMemory
{
    /// <param name="info">The text under <c>info</c> of the pod's verbose status.</param>
    /// <returns>Bytes; null if the cgroup is not told.</returns>
    public static long? Read(string info)
    {
        using var json = JsonDocument.Parse(info);
        return json.RootElement.TryGetProperty("cgroup", out var cgroup) && cgroup.TryGetProperty("overheadPath", out var path)
            ? new Cgroups(CgroupLayout.Detect()).Pids(path.GetString()!).Sum(ProportionalBytes)
            : null;
    }

    private static long ProportionalBytes(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/smaps_rollup").First(static l => l.StartsWith("Pss:", StringComparison.Ordinal));
            return long.Parse(line.AsSpan(4).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // It ended under the look, and takes nothing.
            return 0;
        }
    }
}

using System.Globalization;

namespace Berth.Bench;

/// <summary>Memory by the proportional share of each process (PSS), so that pages shared between processes count once.</summary>
internal static class MemoryBench
{
    public const string PerPod = "memory a pod (PSS), KiB", Idle = "memory of the daemon, idle (PSS), KiB";

    // What runtimes keep beside a container; the kernel cuts names at 15 characters.
    private static readonly string[] Helpers = ["conmon", "containerd-shim", "catatonit", "pause"];

    /// <summary>Runs pods and adds up what stays beside their containers.</summary>
    public static async Task MeasureAsync(Peer peer, int pods, Timings timings)
    {
        var before = HelperPids();
        var ids = new List<string>();
        for (var i = 0; i < pods; i++)
        {
            ids.Add(await PodBench.StartAsync(peer));
        }

        timings.Add(PerPod, HelperPids().Except(before).Sum(PssKib) / (double)pods);
        foreach (var id in ids)
        {
            await PodBench.StopAsync(peer, id, new Timings());
        }
    }

    public static long PssKib(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/smaps_rollup").First(static l => l.StartsWith("Pss:", StringComparison.Ordinal));
            return long.Parse(line["Pss:".Length..^"kB".Length].Trim(), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It ended just now.
            return 0;
        }
    }

    private static HashSet<int> HelperPids() =>
    [
        .. Directory.EnumerateDirectories("/proc").Where(static p => char.IsAsciiDigit(Path.GetFileName(p)[0]) && Helpers.Contains(Name(p)))
            .Select(static p => int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture)),
    ];

    private static string Name(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).Trim();
        }
        catch (IOException)
        {
            return "";
        }
    }
}

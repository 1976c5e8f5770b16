namespace Berth.Linux;

/// <summary>What is to be known of systemd as cgroup driver.</summary>
public static class SystemdCgroups
{
    /// <summary>Whether systemd is the one that arranges the cgroup tree; a second writer would undo its work.</summary>
    public static bool RulesTheTree(CgroupLayout layout) =>
        // sd_booted(3): the folder exists exactly where systemd is the init that runs.
        Directory.Exists("/run/systemd/system") && (layout.Mode == CgroupMode.V2 || layout.Find("name=systemd") is not null);

    /// <summary>Ends a slice's unit with all units in it; one that systemd does not know is ended.</summary>
    /// <exception cref="IOException">systemd refuses, or cannot be asked.</exception>
    public static async Task StopSliceAsync(string slice, CancellationToken cancellationToken)
    {
        var result = await CommandRunner.RunAsync(new Command { Path = "systemctl", Arguments = ["stop", "--", slice] }, null, 64 * 1024, cancellationToken).ConfigureAwait(false);
        // 5: there is no such unit, see systemctl(1).
        if (result.ExitCode is not (0 or 5))
        {
            throw new IOException($"systemctl stop {slice} ended with {result.ExitCode}: {result.Error}");
        }
    }

    /// <summary>
    /// Makes a slice a unit with these properties, which ends with it; one that is a unit already gets them. The files of its cgroup
    /// have them when this returns.
    /// </summary>
    /// <exception cref="IOException">systemd refuses, or cannot be asked.</exception>
    public static async Task LimitSliceAsync(string slice, IReadOnlyList<SystemdProperty> properties, CancellationToken cancellationToken)
    {
        string[] counted = ["CPUAccounting", "MemoryAccounting", "TasksAccounting"];
        List<string> words = [Count(properties.Count + counted.Length), .. counted.SelectMany(static c => (string[])[c, "b", "true"]), .. properties.SelectMany(static p => (string[])[p.Name, p.Signature, .. p.Value])];
        var started = await CallAsync(["StartTransientUnit", "ssa(sv)a(sa(sv))", slice, "fail", .. words, "0"], cancellationToken).ConfigureAwait(false);
        if (started.ExitCode != 0 && (!started.Error.Contains("already loaded", StringComparison.Ordinal) || (started = await CallAsync(["SetUnitProperties", "sba(sv)", slice, "true", .. words], cancellationToken).ConfigureAwait(false)).ExitCode != 0))
        {
            throw new IOException($"systemd does not limit {slice}: {started.Error}");
        }

        // The first call does not wait for the unit.
        var active = await CommandRunner.RunAsync(new Command { Path = "systemctl", Arguments = ["start", "--", slice] }, null, 64 * 1024, cancellationToken).ConfigureAwait(false);
        if (active.ExitCode != 0)
        {
            throw new IOException($"systemctl start {slice} ended with {active.ExitCode}: {active.Error}");
        }
    }

    private static string Count(int count) => count.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static Task<CommandResult> CallAsync(IReadOnlyList<string> call, CancellationToken cancellationToken) => CommandRunner.RunAsync(
        new Command { Path = "busctl", Arguments = ["call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", .. call] },
        null, 64 * 1024, cancellationToken);

    /// <summary>
    /// The path of a slice: <c>a-b.slice</c> lies in <c>a.slice</c>, see systemd.slice(5).
    /// </summary>
    /// <exception cref="FormatException">It is no slice's name.</exception>
    public static string ExpandSlice(string slice)
    {
        const string suffix = ".slice";
        var name = slice.EndsWith(suffix, StringComparison.Ordinal) ? slice[..^suffix.Length] : "";
        if (name == "-")
        {
            return "/";
        }

        if (slice.Length > 255 || name.Length == 0 || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is ':' or '-' or '_' or '.' or '\\' or '@')
            || name.Split('-').Any(static part => part.Length == 0))
        {
            throw new FormatException($"'{slice}' is no name of a systemd slice");
        }

        var path = "";
        for (var dash = name.IndexOf('-'); dash >= 0; dash = name.IndexOf('-', dash + 1))
        {
            path += $"/{name[..dash]}{suffix}";
        }

        return $"{path}/{slice}";
    }
}

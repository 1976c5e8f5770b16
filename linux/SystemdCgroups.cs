namespace Berth.Linux;

/// <summary>What is to be known of systemd as cgroup driver.</summary>
public static class SystemdCgroups
{
    /// <summary>Whether systemd is the one that arranges the cgroup tree; a second writer would undo its work.</summary>
    public static bool RulesTheTree(CgroupLayout layout) =>
        // sd_booted(3): the folder exists exactly where systemd is the init that runs.
        Directory.Exists("/run/systemd/system") && (layout.Mode == CgroupMode.V2 || layout.Find("name=systemd") is not null);

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

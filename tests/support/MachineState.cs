using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>
/// What a machine holds of the kinds of things that a container runtime makes. Compared before and after, it shows what was
/// left behind.
/// </summary>
public sealed class MachineState
{
    // The kernel takes namespaces and cgroups down after their last process, not with it.
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(15);

    private readonly HashSet<string> _things;

    private MachineState(HashSet<string> things) => _things = things;

    public static async Task<MachineState> ReadAsync() =>
        new([.. Processes(), .. Mounts(), .. Interfaces(), .. Cgroups(), .. Folders(), .. Settings(), .. await RulesAsync()]);

    /// <summary>What is here now and was not then.</summary>
    public async Task<IReadOnlyList<string>> WhatIsNewAsync()
    {
        async Task<IReadOnlyList<string>> DifferenceAsync() => [.. (await ReadAsync())._things.Except(_things).Order(StringComparer.Ordinal)];
        try
        {
            return await Wait.ForAsync(DifferenceAsync, static d => d.Count == 0, SettleTime);
        }
        catch (TimeoutException)
        {
            return await DifferenceAsync();
        }
    }

    // Ours are in a cgroup of ours or were started with a path of ours; the rest of the machine lives its own life.
    private static IEnumerable<string> Processes()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(static f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            var command = ReadOrEmpty(Path.Combine(folder, "cmdline")).Replace('\0', ' ').Trim();
            var cgroups = ReadOrEmpty(Path.Combine(folder, "cgroup"));
            if (command.Contains("berth-test-", StringComparison.Ordinal) || cgroups.Contains(":/berth", StringComparison.Ordinal))
            {
                yield return $"process {Path.GetFileName(folder)}: {command}";
            }
        }
    }

    private static IEnumerable<string> Mounts() => MountTable.Read().Select(static m => $"mount {m.MountPoint} ({m.FileSystem})");

    private static IEnumerable<string> Interfaces() => Directory.EnumerateFileSystemEntries("/sys/class/net").Select(static i => "interface " + Path.GetFileName(i));

    private static IEnumerable<string> Cgroups() =>
        Directory.EnumerateDirectories("/sys/fs/cgroup", "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Select(static c => "cgroup " + c);

    private static IEnumerable<string> Folders() =>
        ((IEnumerable<(string Parent, string Pattern)>)
        [
            ("/run", "berth*"), ("/run/berth-tests", "*"), ("/run/netns", "*"), ("/run/runc", "*"), ("/run/crun", "*"), ("/run/runsc", "*"),
            ("/tmp", "berth-test-*"), ("/tmp", "conmon-term*"), ("/var/lib", "berth*"), ("/var/lib/cni", "*"), ("/var/lib/cni/results", "*"),
        ])
            .Where(static f => Directory.Exists(f.Parent))
            .SelectMany(static f => Directory.EnumerateFileSystemEntries(f.Parent, f.Pattern))
            .Select(static f => "file " + f);

    private static IEnumerable<string> Settings() =>
        ((IEnumerable<string>)["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/ipv6/conf/all/forwarding", "kernel/hostname", "kernel/shmmax", "kernel/sem", "kernel/msgmax"])
            .Select(static s => $"setting {s} = {ReadOrEmpty("/proc/sys/" + s).Trim()}");

    private static async Task<IEnumerable<string>> RulesAsync() => [.. await RulesAsync("iptables-save"), .. await RulesAsync("ip6tables-save")];

    private static async Task<IEnumerable<string>> RulesAsync(string program)
    {
        var saved = await CommandRunner.RunAsync(new Command { Path = program }, null, 16 * 1024 * 1024, CancellationToken.None);
        return saved.OutputText.Split('\n')
            // A table's own chains, which have a policy, come with its first use. The counters of a chain change by themselves.
            .Where(static l => l.StartsWith('-') || (l.StartsWith(':') && l.Split(' ')[1] == "-"))
            .Select(l => $"rule of {program}: {(l.StartsWith(':') ? l.Split(' ')[0] : l)}");
    }

    private static string ReadOrEmpty(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

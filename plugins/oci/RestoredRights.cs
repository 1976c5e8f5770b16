using System.Globalization;
using System.Text.Json;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// The processes of a checkpoint come with their rights, and not with those of config.json; CRIU sets what the checkpoint says. So it
/// is looked at afterwards: what has more rights than this container may have does not stay.
/// </summary>
internal static class RestoredRights
{
    /// <summary>What a process has too much, or lacks of its fences; null if nothing.</summary>
    /// <param name="bundle">The container's bundle.</param>
    /// <param name="cgroup">The cgroup in which it must be; null if it has none of its own.</param>
    /// <param name="init">The first process.</param>
    /// <param name="others">The processes of the cgroup.</param>
    public static string? Excess(string bundle, string? cgroup, int init, IReadOnlyList<int> others)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(bundle, "config.json")));
        var allowed = Allowed.Of(config.RootElement);
        return cgroup is not null && !others.Contains(init)
            ? $"process {init} is not in cgroup {cgroup}"
            : others.Append(init).Distinct().Select(pid => Excess(pid, allowed)).FirstOrDefault(static e => e is not null);
    }

    private static string? Excess(int pid, Allowed allowed)
    {
        Dictionary<string, string> status;
        string label;
        try
        {
            var folder = $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}";
            status = File.ReadLines($"{folder}/status").Select(static l => l.Split(':', 2)).Where(static f => f.Length == 2).ToDictionary(static f => f[0], static f => f[1].Trim());
            label = allowed.AppArmor is null ? "" : File.ReadAllText($"{folder}/attr/current").Trim();
        }
        catch (IOException)
        {
            return null; // it has ended
        }

        return Excess(status, label, allowed) is { } excess ? $"process {pid} {excess}" : null;
    }

    internal static string? Excess(IReadOnlyDictionary<string, string> status, string label, Allowed allowed)
    {
        // proc_pid_status(5).
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            var extra = new CapabilitySet(ulong.Parse(status[set], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)).Except(allowed.Capabilities);
            if (!extra.IsEmpty)
            {
                return $"has capabilities that this container may not have ({string.Join(", ", extra.Names)})";
            }
        }

        return allowed.NoNewPrivileges && status.GetValueOrDefault("NoNewPrivs") != "1"
                ? "can gain privileges (no_new_privs is not set; CRIU before 3.19 does not bring it back)"
            : allowed.Seccomp && status.GetValueOrDefault("Seccomp") != "2" ? "has no seccomp profile"
            : allowed.NotRoot && status["Uid"].Split('\t', ' ').Contains("0") ? "runs as root"
            : allowed.AppArmor is { } profile && label.Split(' ')[0] != profile ? $"is not under AppArmor profile {profile}"
            : null;
    }

    /// <summary>What config.json allows.</summary>
    internal sealed record Allowed(CapabilitySet Capabilities, bool NoNewPrivileges, bool Seccomp, bool NotRoot, string? AppArmor)
    {
        public static Allowed Of(JsonElement config)
        {
            var process = config.GetProperty("process");
            var bounding = process.TryGetProperty("capabilities", out var sets) && sets.TryGetProperty("bounding", out var names)
                ? names.EnumerateArray().Select(static n => n.GetString()!) : [];
            var capabilities = bounding.Aggregate(CapabilitySet.Empty, static (all, name) => CapabilitySet.TryParse(name, out var one) ? all.Union(one) : all);
            return new(
                capabilities,
                process.TryGetProperty("noNewPrivileges", out var flag) && flag.ValueKind == JsonValueKind.True,
                config.TryGetProperty("linux", out var linux) && linux.TryGetProperty("seccomp", out var seccomp) && seccomp.ValueKind == JsonValueKind.Object,
                process.TryGetProperty("user", out var user) && user.TryGetProperty("uid", out var uid) && uid.GetUInt32() != 0,
                process.TryGetProperty("apparmorProfile", out var profile) && profile.GetString() is { Length: > 0 } name ? name : null);
        }
    }
}

using System.Collections.Frozen;
using System.Globalization;

namespace Berth.Linux;

/// <summary>A set of capabilities by their numbers; see capabilities(7).</summary>
public readonly record struct CapabilitySet(ulong Bits)
{
    // In the order of their numbers, linux/capability.h.
    private static readonly string[] KnownNames =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
        "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
        "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
        "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
        "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    private static readonly FrozenDictionary<string, int> Numbers =
        KnownNames.Select(static (name, number) => (name, number)).ToFrozenDictionary(static c => c.name, static c => c.number);

    /// <summary>Every capability that has a name here.</summary>
    public static CapabilitySet All { get; } = new((1UL << KnownNames.Length) - 1);

    /// <summary>None.</summary>
    public static CapabilitySet Empty { get; }

    /// <summary>Whether nothing is in it.</summary>
    public bool IsEmpty => Bits == 0;

    /// <summary>The names in the order of their numbers; capabilities newer than this list have none.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            var bits = Bits;
            return [.. KnownNames.Where((_, number) => (bits & (1UL << number)) != 0)];
        }
    }

    /// <summary>The set of one capability, by its name with <c>CAP_</c>; false if there is none of this name.</summary>
    public static bool TryParse(string name, out CapabilitySet capability)
    {
        var found = Numbers.TryGetValue(name, out var number);
        capability = found ? new(1UL << number) : Empty;
        return found;
    }

    /// <summary>What is in either.</summary>
    public CapabilitySet Union(CapabilitySet other) => new(Bits | other.Bits);

    /// <summary>What is in both.</summary>
    public CapabilitySet Intersect(CapabilitySet other) => new(Bits & other.Bits);

    /// <summary>What is here and not there.</summary>
    public CapabilitySet Except(CapabilitySet other) => new(Bits & ~other.Bits);

    /// <summary>Whether all of the other is in it.</summary>
    public bool Contains(CapabilitySet other) => (Bits & other.Bits) == other.Bits;

    /// <summary>What this process, and so whatever it starts, can at most have.</summary>
    public static CapabilitySet OwnBoundingSet() => ReadStatus("CapBnd");

    /// <summary>What this process has now.</summary>
    public static CapabilitySet OwnEffectiveSet() => ReadStatus("CapEff");

    // "CapBnd:\t000001ffffffffff", see proc_pid_status(5).
    private static CapabilitySet ReadStatus(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(field, StringComparison.Ordinal));
        return new(ulong.Parse(line.AsSpan(field.Length + 1).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
    }
}

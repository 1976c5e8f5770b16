using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>The capabilities of a container's process.</summary>
/// <param name="Granted">Bounding, effective and permitted.</param>
/// <param name="Ambient">Ambient and inheritable: those that a process of another user than root keeps over execve(2).</param>
internal sealed record CapabilityPlan(CapabilitySet Granted, CapabilitySet Ambient)
{
    private const string Everything = "ALL";

    // What containers can rely on by habit; the same as containerd's and Docker's.
    private static readonly CapabilitySet Defaults = Parse(
    [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]);

    /// <param name="security">The request.</param>
    /// <param name="own">Our bounding set: nothing beyond it can be given.</param>
    internal static CapabilityPlan Create(SecurityContext security, CapabilitySet own)
    {
        var known = own.Intersect(CapabilitySet.All);
        if (security.Privileged)
        {
            return new(known, CapabilitySet.Empty);
        }

        var added = Parse(security.AddCapabilities);
        var ambient = Parse(security.AddAmbientCapabilities);
        var dropped = Parse(security.DropCapabilities);
        Refuse(added.Union(ambient).Except(dropped).Except(known));

        var start = HasAll(security.DropCapabilities) ? CapabilitySet.Empty
            : HasAll(security.AddCapabilities) ? known
            : Defaults.Intersect(known);
        return new(start.Union(added).Union(ambient).Except(dropped), ambient.Except(dropped));
    }

    internal OciCapabilities ToOci() => new()
    {
        Bounding = Granted.Names,
        Effective = Granted.Names,
        Permitted = Granted.Names,
        Inheritable = Ambient.Names,
        Ambient = Ambient.Names,
    };

    private static bool HasAll(IReadOnlyList<string> names) => names.Any(static n => Normalize(n) == Everything);

    private static CapabilitySet Parse(IEnumerable<string> names)
    {
        var set = CapabilitySet.Empty;
        foreach (var name in names.Where(static n => Normalize(n) != Everything))
        {
            set = CapabilitySet.TryParse($"CAP_{Normalize(name)}", out var capability)
                ? set.Union(capability)
                : throw RuntimeException.InvalidArgument($"\"{name}\" is not a capability; see capabilities(7) for the names");
        }

        return set;
    }

    private static string Normalize(string name)
    {
        var upper = name.ToUpperInvariant();
        return upper.StartsWith("CAP_", StringComparison.Ordinal) ? upper[4..] : upper;
    }

    private static void Refuse(CapabilitySet missing)
    {
        if (!missing.IsEmpty)
        {
            throw RuntimeException.FailedPrecondition(
                $"cannot give {string.Join(", ", missing.Names)}: the gateway's own bounding set lacks it on this machine; "
                + "leave it out of the request, or run the gateway with it (CapabilityBoundingSet= of its unit)");
        }
    }
}

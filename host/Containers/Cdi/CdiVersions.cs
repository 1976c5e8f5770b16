using Berth.Abstractions;

namespace Berth.Containers.Cdi;

/// <summary>Which version of the specification brought what. A file that uses more than its version has is refused, says the specification.</summary>
internal static class CdiVersions
{
    private static readonly string[] Known = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

    internal static void Check(CdiSpec spec)
    {
        var version = spec.CdiVersion.StartsWith('v') ? spec.CdiVersion[1..] : spec.CdiVersion;
        if (!Known.Contains(version))
        {
            throw RuntimeException.InvalidArgument($"its cdiVersion \"{spec.CdiVersion}\" is not known; known are {string.Join(", ", Known)}");
        }

        foreach (var (from, what, isUsed) in Uses(spec))
        {
            if (isUsed && Array.IndexOf(Known, version) < Array.IndexOf(Known, from))
            {
                throw RuntimeException.InvalidArgument($"its cdiVersion is {version}, but it has {what}, which came with {from}");
            }
        }
    }

    private static IEnumerable<(string From, string What, bool IsUsed)> Uses(CdiSpec spec)
    {
        var edits = spec.AllEdits.ToList();
        return
        [
            ("1.1.0", "netDevices", edits.Any(static e => e.NetDevices.Count > 0)),
            ("1.1.0", "intelRdt.schemata or enableMonitoring", edits.Any(static e => e.IntelRdt is { Schemata: not null } or { EnableMonitoring: true })),
            ("0.7.0", "intelRdt", edits.Any(static e => e.IntelRdt is not null)),
            ("0.7.0", "additionalGids", edits.Any(static e => e.AdditionalGids.Count > 0)),
            ("0.6.0", "annotations", spec.Annotations is { Count: > 0 } || spec.Devices.Any(static d => d.Annotations is { Count: > 0 })),
            ("0.6.0", "a class with a dot", spec.Kind.AsSpan(spec.Kind.IndexOf('/') + 1).Contains('.')),
            ("0.5.0", "a device name that begins with a digit", spec.Devices.Any(static d => d.Name.Length > 0 && char.IsAsciiDigit(d.Name[0]))),
            ("0.5.0", "deviceNodes with hostPath", edits.SelectMany(static e => e.DeviceNodes).Any(static n => n.HostPath is { Length: > 0 })),
            ("0.4.0", "mounts with type", edits.SelectMany(static e => e.Mounts).Any(static m => m.Type is { Length: > 0 })),
        ];
    }
}

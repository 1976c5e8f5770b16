using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Devices. config.json names them by number, the Engine by a path of the host.</summary>
internal static class DeviceTranslation
{
    private const string AllAccess = "rwm";

    public static void Apply(OciLinux linux, HostConfig host)
    {
        host.Privileged = IsPrivileged(linux);
        host.Devices = [];
        host.DeviceCgroupRules = [];
        if (host.Privileged)
        {
            // It has every device then.
            return;
        }

        foreach (var rule in linux.Resources.Devices)
        {
            if (rule.Allow)
            {
                host.DeviceCgroupRules.Add($"{Type(rule)} {Number(rule.Major)}:{Number(rule.Minor)} {rule.Access ?? AllAccess}");
            }
            else if (rule is not { Type: null or "a", Major: null or -1, Minor: null or -1 })
            {
                throw Translation.Unsaid("a rule in linux.resources.devices that denies one device");
            }
        }

        foreach (var device in linux.Devices)
        {
            host.Devices.Add(new() { PathOnHost = HostPath(device), PathInContainer = device.Path, CgroupPermissions = AccessOf(device, linux) });
        }
    }

    /// <summary>All devices allowed: only a privileged container asks for that.</summary>
    public static bool IsPrivileged(OciLinux linux) => linux.Resources.Devices.Any(
        static r => r is { Allow: true, Type: null or "a", Major: null or -1, Minor: null or -1, Access: null or AllAccess });

    // What the rules allow, so that the Engine allows no more.
    private static string AccessOf(OciDevice device, OciLinux linux) => linux.Resources.Devices
        .LastOrDefault(r => r.Allow && r.Type == device.Type && r.Major == device.Major && r.Minor == device.Minor)?.Access ?? AllAccess;

    private static string Type(OciDeviceRule rule) => rule.Type is "b" or "c" ? rule.Type : "a";

    private static string Number(long? number) => number is null or < 0 ? "*" : $"{number}";

    // The kernel's own name of a device; see sysfs(5).
    private static string HostPath(OciDevice device)
    {
        var kind = device.Type == "b" ? "block" : "char";
        var path = $"/sys/dev/{kind}/{device.Major}:{device.Minor}/uevent";
        var name = File.Exists(path)
            ? File.ReadLines(path).FirstOrDefault(static l => l.StartsWith("DEVNAME=", StringComparison.Ordinal))?["DEVNAME=".Length..]
            : null;
        return name is not null && File.Exists($"/dev/{name}")
            ? $"/dev/{name}"
            : throw RuntimeException.FailedPrecondition($"device {device.Path} ({device.Type} {device.Major}:{device.Minor}) has no node in /dev of this host, which the Docker Engine needs");
    }
}

using System.Collections.Concurrent;

namespace Berth.Metrics;

/// <summary>Block devices by number, as /dev names them. A number is given to another device only after a reboot or a hot plug.</summary>
internal sealed class DeviceNames
{
    private readonly ConcurrentDictionary<(uint, uint), string> _names = new();

    public string Of(uint major, uint minor) => _names.GetOrAdd((major, minor), static n => Find(n.Item1, n.Item2));

    // A link such as ../../devices/pci0000:00/.../block/sda, see sysfs(5).
    private static string Find(uint major, uint minor) =>
        new FileInfo($"/sys/dev/block/{major}:{minor}").LinkTarget is { } target ? $"/dev/{Path.GetFileName(target)}" : $"{major}:{minor}";
}

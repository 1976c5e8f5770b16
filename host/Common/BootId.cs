namespace Berth.Common;

/// <summary>Tells one boot of the kernel from another; see random(4).</summary>
public static class BootId
{
    public static string Current { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}

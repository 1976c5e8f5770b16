namespace Berth.Linux;

/// <summary>The kernel does not have a setting, or does not take its value.</summary>
public sealed class SysctlException : IOException
{
    internal SysctlException(string key, string value, LinuxException reason)
        : base(Text(key, value, reason.Message), reason) => IsUnknown = reason.IsNotFound;

    /// <param name="key">Its path beneath /proc/sys.</param>
    /// <param name="value">What was written.</param>
    /// <param name="error">What the program said that wrote it.</param>
    internal SysctlException(string key, string value, string error)
        : base(Text(key, value, error)) => IsUnknown = !File.Exists($"/proc/sys/{key}");

    /// <summary>Whether this kernel has no such setting, at least not in a namespace.</summary>
    public bool IsUnknown { get; }

    private static string Text(string key, string value, string reason) => $"sysctl {key.Replace('/', '.')} = {value}: {reason}";
}

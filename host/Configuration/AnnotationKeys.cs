namespace Berth.Configuration;

/// <summary>Which keys of pod annotations may be let through to a handler.</summary>
public static class AnnotationKeys
{
    // A prefix of 253 characters, a slash and a name of 63: the API server takes no longer ones.
    private const int Longest = 317;

    // runc: org.systemd.property.*; crun: run.oci.* and io.crun.*; both: org.criu.config.
    private static readonly string[] Orders = ["org.systemd.property.", "run.oci.", "io.crun.", "org.criu."];

    /// <summary>Such a key would let a pod set properties of systemd units, or run hooks as root (CVE-2024-3154).</summary>
    public static bool IsOrderToTheRuntime(string key) => Orders.Any(prefix => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    /// <summary>Why it cannot be let through; null if it can. Keys are compared whole: a pattern would let through what nobody thought of.</summary>
    public static string? Fault(string key) =>
        key.Length is 0 or > Longest ? $"'{key[..Math.Min(key.Length, Longest)]}' is not an annotation's key"
        : key.Contains('*') ? $"'{key}' is a pattern; keys are compared whole, so list each"
        : IsOrderToTheRuntime(key) ? $"'{key}' would let a pod control the runtime itself"
        : null;
}

using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>
/// Annotations in config.json are orders to some runtimes. Which of a pod's come here is decided before; those that would
/// let a pod set properties of systemd units, or run hooks as root, never do (CVE-2024-3154).
/// </summary>
internal static class RuntimeAnnotations
{
    // runc: org.systemd.property.*; crun: run.oci.* and io.crun.*; both: org.criu.config.
    private static readonly string[] Refused = ["org.systemd.property.", "run.oci.", "io.crun.", "org.criu."];

    internal static IReadOnlyDictionary<string, string> Check(IReadOnlyDictionary<string, string> annotations) =>
        annotations.Keys.FirstOrDefault(static key => Refused.Any(prefix => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))) is { } bad
            ? throw RuntimeException.InvalidArgument($"the annotation {bad} would control the runtime itself and is not let through; remove it")
            : annotations;
}

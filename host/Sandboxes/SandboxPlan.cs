using Berth.Abstractions;

namespace Berth.Sandboxes;

/// <summary>All that is decided about a sandbox before anything of it exists.</summary>
public sealed record SandboxPlan
{
    /// <summary>The record in its first phase.</summary>
    public required Sandbox Sandbox { get; init; }

    public required IRuntimeHandler Handler { get; init; }

    public required HandlerCheck Check { get; init; }

    /// <summary>The gateway makes the network namespace, not the handler.</summary>
    public required bool OwnsNetwork { get; init; }

    /// <summary>The containers share one PID namespace.</summary>
    public required bool SharedPid { get; init; }

    /// <summary>By path beneath /proc/sys.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Sysctls { get; init; }

    public required string BundlePath { get; init; }

    public required string PrivateDirectory { get; init; }

    /// <summary>The pod's annotations that reach the handler.</summary>
    public required IReadOnlyDictionary<string, string> Annotations { get; init; }

    public PrepareSandboxRequest ToRequest(IReadOnlyDictionary<string, string> namespacePaths) => new()
    {
        SandboxId = Sandbox.Id,
        Pod = new PodIdentity
        {
            Name = Sandbox.Spec.Name,
            Namespace = Sandbox.Spec.Namespace,
            Uid = Sandbox.Spec.Uid,
            Attempt = Sandbox.Spec.Attempt,
        },
        PrivateDirectory = PrivateDirectory,
        BundlePath = BundlePath,
        NeedsInit = SharedPid,
        Hostname = Sandbox.Hostname,
        Cgroup = Sandbox.Cgroup,
        Resources = PodSize.Of(Sandbox.Spec),
        NamespacePaths = namespacePaths,
        Privileged = Sandbox.Spec.Privileged,
        Sysctls = new Dictionary<string, string>(Sysctls),
        Annotations = Annotations,
    };
}

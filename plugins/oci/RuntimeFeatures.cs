using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>Abilities: what any OCI runtime has, plus what this one says of itself, less what the operator knows that it lacks.</summary>
internal static class RuntimeFeatures
{
    /// <summary>The abilities that the option <c>lacks</c> may name.</summary>
    public static IReadOnlyList<string> Removable { get; } =
        ["hostNamespaces", "sharedPidNamespace", "privileged", "devices", "seccomp", "appArmor", "sysctls", "hugePages", "mountPropagation", "limitUpdates"];

    public static HandlerFeatures Of(RuntimeFacts facts, OciOptions options) => new()
    {
        NetworkNamespace = NetworkNamespaceOwner.Host,
        RootfsForms = [RootfsForm.Mounted],
        Stats = StatsSource.Cgroup,
        HostNamespaces = !options.Lacks.Contains("hostNamespaces"),
        SharedPidNamespace = !options.Lacks.Contains("sharedPidNamespace"),
        Privileged = !options.Lacks.Contains("privileged"),
        ExecTerminal = true,
        Attach = true,
        Devices = !options.Lacks.Contains("devices"),
        AppArmor = !options.Lacks.Contains("appArmor"),
        Sysctls = !options.Lacks.Contains("sysctls"),
        HugePages = !options.Lacks.Contains("hugePages"),
        SharedFolders = true,
        MountPropagation = !options.Lacks.Contains("mountPropagation"),
        Terminal = true,
        Stdin = true,
        LimitUpdates = !options.Lacks.Contains("limitUpdates"),
        // A runtime that must pass signals on itself is a sandbox whose processes the host does not see.
        HostProcesses = options.Signals == SignalPath.Kernel,
        ExecSignals = options.Signals == SignalPath.Kernel,
        // Kubernetes' user namespaces need volumes mounted with mapped ids.
        UserNamespaces = facts.Has("linux", "mountExtensions", "idmap", "enabled"),
        // The kernel's part is mount_setattr(2), from 5.12 on.
        RecursiveReadOnlyMounts = facts.HasMountOption("rro") && Environment.OSVersion.Version >= new Version(5, 12),
        Seccomp = !options.Lacks.Contains("seccomp")
            && (facts.Has("linux", "seccomp", "enabled") || facts.Details.Contains("seccomp", StringComparison.OrdinalIgnoreCase)),
    };
}

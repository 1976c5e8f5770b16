using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>Abilities: what any OCI runtime has, plus what this one says of itself, less what the operator knows that it lacks.</summary>
internal static class RuntimeFeatures
{
    /// <summary>The abilities that the option <c>lacks</c> may name.</summary>
    public static IReadOnlyList<string> Removable { get; } =
        ["hostNamespaces", "sharedPidNamespace", "privileged", "devices", "seccomp", "appArmor", "sysctls", "hugePages", "mountPropagation", "limitUpdates",
         "userNamespaces", "recursiveReadOnlyMounts", "mountOptions", "hooks", "resourceClasses", "checkpoint"];

    /// <summary>What is tried out, because runtimes do not tell it, or tell it of a kernel that they have not looked at.</summary>
    public static Asked ToSee(OciOptions options) =>
        // In a sandbox of the runtime's own nothing of it can be seen.
        options.Signals != SignalPath.Kernel ? Asked.Nothing
        : (options.Lacks.Contains("userNamespaces") ? Asked.Nothing : Asked.UserNamespace)
            | (options.Lacks.Contains("recursiveReadOnlyMounts") ? Asked.Nothing : Asked.RecursiveReadOnly)
            | (options.Lacks.Contains("mountOptions") ? Asked.Nothing : Asked.MountOptions);

    /// <summary>A sandbox of the runtime's own is not of processes that CRIU could dump.</summary>
    public static bool MayCheckpoint(OciOptions options) => options.Signals == SignalPath.Kernel && !options.Lacks.Contains("checkpoint");

    public static HandlerFeatures Of(RuntimeFacts facts, Asked seen, OciOptions options) => new()
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
        Hooks = !options.Lacks.Contains("hooks") && facts.RunsHooks,
        ResourceClasses = !options.Lacks.Contains("resourceClasses"),
        AppArmor = !options.Lacks.Contains("appArmor") && facts.Has("apparmor") is not false,
        Sysctls = !options.Lacks.Contains("sysctls"),
        HugePages = !options.Lacks.Contains("hugePages") && CgroupLayout.Detect().Find("hugetlb") is not null,
        SharedFolders = true,
        MountPropagation = !options.Lacks.Contains("mountPropagation"),
        MountPropagationToHost = !options.Lacks.Contains("mountPropagation"),
        Terminal = true,
        Stdin = true,
        AdoptsLive = true,
        LimitUpdates = !options.Lacks.Contains("limitUpdates"),
        // A runtime that must pass signals on itself is a sandbox whose processes the host does not see.
        HostProcesses = options.Signals == SignalPath.Kernel,
        ExecSignals = options.Signals == SignalPath.Kernel,
        UserNamespaces = seen.HasFlag(Asked.UserNamespace),
        RecursiveReadOnlyMounts = seen.HasFlag(Asked.RecursiveReadOnly),
        // Where it cannot be seen the tests of the plugin have seen it, unless the operator knows better.
        MountOptions = seen.HasFlag(Asked.MountOptions) || (options.Signals != SignalPath.Kernel && !options.Lacks.Contains("mountOptions")),
        Seccomp = !options.Lacks.Contains("seccomp") && (facts.Has("seccomp") ?? facts.Details.Contains("seccomp", StringComparison.OrdinalIgnoreCase)),
    };
}

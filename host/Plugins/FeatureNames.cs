using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>What a handler can do, in words.</summary>
internal static class FeatureNames
{
    public static IEnumerable<string> Of(HandlerFeatures features) =>
        new (string Name, bool Has)[]
        {
            ("own network namespace", features.NetworkNamespace == NetworkNamespaceOwner.Handler),
            ("own stats", features.Stats == StatsSource.Handler),
            ("host namespaces", features.HostNamespaces),
            ("shared PID namespace", features.SharedPidNamespace),
            ("privileged", features.Privileged),
            ("user namespaces", features.UserNamespaces),
            ("recursive read-only mounts", features.RecursiveReadOnlyMounts),
            ("mount options", features.MountOptions),
            ("devices", features.Devices),
            ("hooks", features.Hooks),
            ("resource classes", features.ResourceClasses),
            ("seccomp", features.Seccomp),
            ("AppArmor", features.AppArmor),
            ("sysctls", features.Sysctls),
            ("huge pages", features.HugePages),
            ("shared folders", features.SharedFolders),
            ("mount propagation", features.MountPropagation),
            ("mount propagation to the host", features.MountPropagationToHost),
            ("terminal", features.Terminal),
            ("stdin", features.Stdin),
            ("limit updates", features.LimitUpdates),
            ("processes on the host", features.HostProcesses),
            ("exec signals", features.ExecSignals),
            ("exec terminal", features.ExecTerminal),
            ("attach", features.Attach),
            ("checkpoint", features.Checkpoint),
            ("opens ports", features.OpensPorts),
            ("holds the pod's size", features.HoldsPodSize),
            ("own image store", features.OwnsImageStore),
            ("adopts live", features.AdoptsLive),
        }.Where(static f => f.Has).Select(static f => f.Name);
}

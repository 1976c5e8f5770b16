using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>Abilities: what the protocol has, less what the operator knows that the runtime lacks. A shim of version 2 cannot be asked.</summary>
internal static class ShimFeatures
{
    /// <summary>The abilities that the option <c>lacks</c> may name.</summary>
    public static IReadOnlyList<string> Removable { get; } =
    [
        "hostNamespaces", "sharedPidNamespace", "privileged", "devices", "seccomp", "appArmor", "sysctls", "hugePages", "sharedFolders",
        "mountPropagation", "mountOptions", "hooks", "resourceClasses", "execTerminal", "limitUpdates", "hostProcesses", "execSignals", "attach",
    ];

    public static HandlerFeatures Of(ShimOptions options) => new()
    {
        NetworkNamespace = NetworkNamespaceOwner.Host,
        RootfsForms = [RootfsForm.Mounted],
        Stats = options.Has("hostProcesses") ? StatsSource.Cgroup : StatsSource.Handler,
        HostNamespaces = options.Has("hostNamespaces"),
        SharedPidNamespace = options.Has("sharedPidNamespace"),
        Privileged = options.Has("privileged"),
        MountOptions = options.Has("mountOptions"),
        Devices = options.Has("devices"),
        Hooks = options.Has("hooks"),
        ResourceClasses = options.Has("resourceClasses"),
        Seccomp = options.Has("seccomp"),
        AppArmor = options.Has("appArmor"),
        Sysctls = options.Has("sysctls"),
        HugePages = options.Has("hugePages"),
        SharedFolders = options.Has("sharedFolders"),
        MountPropagation = options.Has("mountPropagation"),
        MountPropagationToHost = options.Has("mountPropagation"),
        Terminal = true,
        Stdin = true,
        Attach = options.Has("attach"),
        ExecTerminal = options.Has("execTerminal"),
        LimitUpdates = options.Has("limitUpdates"),
        HostProcesses = options.Has("hostProcesses"),
        ExecSignals = options.Has("execSignals"),
    };
}

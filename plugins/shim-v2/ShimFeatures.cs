using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>Abilities: what the protocol has, less what the operator knows that the runtime lacks. A shim of version 2 cannot be asked.</summary>
internal static class ShimFeatures
{
    /// <summary>The abilities that the option <c>lacks</c> may name.</summary>
    public static IReadOnlyList<string> Removable { get; } = ["hostNamespaces", "sharedPidNamespace", "privileged", "devices", "seccomp", "execTerminal"];

    public static HandlerFeatures Of(ShimOptions options) => new()
    {
        NetworkNamespace = NetworkNamespaceOwner.Host,
        RootfsForms = [RootfsForm.Mounted],
        Stats = options.Stats == ShimStats.Shim ? StatsSource.Handler : StatsSource.Cgroup,
        HostNamespaces = !options.Lacks.Contains("hostNamespaces"),
        SharedPidNamespace = !options.Lacks.Contains("sharedPidNamespace"),
        Privileged = !options.Lacks.Contains("privileged"),
        Devices = !options.Lacks.Contains("devices"),
        Seccomp = !options.Lacks.Contains("seccomp"),
        ExecTerminal = !options.Lacks.Contains("execTerminal"),
    };
}

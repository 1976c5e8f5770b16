using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>AppArmor: applied as asked, or the container is refused.</summary>
internal static class SecurityModules
{
    /// <summary>The AppArmor profile to run under; null is none.</summary>
    /// <param name="security">What is asked for.</param>
    /// <param name="host">The machine.</param>
    /// <param name="missing">Why the default profile cannot be had; empty if it can.</param>
    internal static string? AppArmorProfile(SecurityContext security, HostFacts host, string missing) => security switch
    {
        { Privileged: true } or { Apparmor.Type: SecurityProfileType.Unconfined } => null,

        // On a kernel without AppArmor the default is nothing; with it, there must be a profile behind the word.
        { Apparmor: null } => host.HasAppArmor && missing.Length == 0 ? AppArmorDefault.Name : null,
        { Apparmor.Type: SecurityProfileType.RuntimeDefault } =>
            !host.HasAppArmor ? null
            : missing.Length == 0 ? AppArmorDefault.Name
            : throw RuntimeException.FailedPrecondition($"the AppArmor profile RuntimeDefault is asked for, but {AppArmorDefault.Name} is not loaded: {missing}"),
        { Apparmor.LocalhostRef: var name } => Localhost(name, host),
    };

    private static string Localhost(string name, HostFacts host) =>
        !host.HasAppArmor
            ? throw RuntimeException.FailedPrecondition($"the AppArmor profile \"{name}\" is asked for, but AppArmor is not enabled in this kernel")
            : name.Length > 0 && Kernel.HasAppArmorProfile(name)
                ? name
                : throw RuntimeException.FailedPrecondition($"the AppArmor profile \"{name}\" is not loaded; load it with apparmor_parser");
}

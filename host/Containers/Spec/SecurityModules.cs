using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>AppArmor and SELinux: applied as asked, or the container is refused.</summary>
internal static class SecurityModules
{
    /// <summary>The AppArmor profile to run under; null is none.</summary>
    internal static string? AppArmorProfile(SecurityContext security, HostFacts host) => security switch
    {
        { Privileged: true } or { Apparmor: null or { Type: SecurityProfileType.Unconfined } } => null,

        // On a kernel without AppArmor the default is nothing to load; with it, there must be a profile behind the word.
        { Apparmor.Type: SecurityProfileType.RuntimeDefault } => host.HasAppArmor
            ? throw new RuntimeException(
                RuntimeErrorCode.NotSupported,
                "the AppArmor profile RuntimeDefault is asked for, but the gateway has none of its own; name a loaded profile (Localhost), or ask for none")
            : null,
        { Apparmor.LocalhostRef: var name } => Localhost(name, host),
    };

    internal static void RefuseSelinux(SecurityContext security, HostFacts host)
    {
        if (security.Selinux is { User: "", Role: "", Type: "", Level: "" } or null)
        {
            return;
        }

        throw host.HasSelinux
            ? new RuntimeException(RuntimeErrorCode.NotSupported, "SELinux options are asked for, but labels are not supported; leave them out")
            : RuntimeException.FailedPrecondition("SELinux options are asked for, but no SELinux policy is loaded on this host; leave them out");
    }

    private static string Localhost(string name, HostFacts host) =>
        !host.HasAppArmor
            ? throw RuntimeException.FailedPrecondition($"the AppArmor profile \"{name}\" is asked for, but AppArmor is not enabled in this kernel")
            : name.Length > 0 && Kernel.HasAppArmorProfile(name)
                ? name
                : throw RuntimeException.FailedPrecondition($"the AppArmor profile \"{name}\" is not loaded; load it with apparmor_parser");
}

using Berth.Abstractions;
using Berth.Containers.Cdi;

namespace Berth.Containers.Spec;

/// <summary>
/// Refuses what the handler cannot do, before anything of the container exists: rather no container than one that silently lacks
/// what was asked for. What the whole pod asks for is refused with the pod, see <see cref="Sandboxes.SandboxPlanner"/>.
/// </summary>
internal static class FeatureGate
{
    /// <param name="container">As it is asked for.</param>
    /// <param name="sandboxPrivileged">Whether its sandbox may have privileged containers.</param>
    /// <param name="handler">The handler's name.</param>
    /// <param name="features">What the handler can do.</param>
    internal static void Check(ContainerSpec container, bool sandboxPrivileged, string handler, HandlerFeatures features)
    {
        if (container.Security.Privileged && !sandboxPrivileged)
        {
            throw RuntimeException.InvalidArgument(
                $"container {container.Name} is privileged, but its sandbox was not created for privileged containers; set privileged in both");
        }

        foreach (var (_, _, what) in Needs(container, features).Where(static n => n.Asked && !n.Has))
        {
            throw RuntimeException.InvalidArgument(
                $"container {container.Name} asks for {what}, which handler {handler} does not have; leave it out, or choose another RuntimeClass for the pod");
        }
    }

    private static (bool Asked, bool Has, string What)[] Needs(ContainerSpec container, HandlerFeatures features)
    {
        var security = container.Security;
        return
        [
            (security.Privileged, features.Privileged, "privileges (privileged)"),
            (container.Devices.Count > 0, features.Devices, "devices of the host"),
            (CdiRequest.Names(container).Count > 0, features.Devices, "CDI devices"),
            (security.Namespaces.Pid == NamespaceMode.Node, features.HostNamespaces, "the host's PID namespace"),
            (security.Namespaces.Pid == NamespaceMode.Target, features.SharedPidNamespace && features.HostProcesses, "the PID namespace of another container"),
            (security.Namespaces.User is { Mode: NamespaceMode.Pod }, features.UserNamespaces, "a user namespace"),
            (security.Seccomp is { Type: SecurityProfileType.Localhost }, features.Seccomp, "a seccomp profile of its own"),
            (security.Apparmor is { Type: SecurityProfileType.Localhost }, features.AppArmor, "an AppArmor profile"),
            (container.Terminal, features.Terminal, "a terminal (tty)"),
            (container.Stdin, features.Stdin, "an open standard input (stdin)"),
            // Kubelets name every size of page that the node has, with 0 for those that the pod does not use.
            (container.Resources.HugepageLimits.Any(static l => l.LimitBytes > 0), features.HugePages, "huge pages"),
            (container.Mounts.Any(static m => m.Options.Count > 0), features.MountOptions, "mount options"),
            (container.Mounts.Any(static m => m.Propagation != MountPropagation.Private), features.MountPropagation, "mount propagation"),
            (container.Mounts.Any(static m => m.Propagation == MountPropagation.Bidirectional), features.MountPropagationToHost, "bidirectional mount propagation"),
            (container.Mounts.Any(IsWritableFolder), features.SharedFolders, "a writable folder of the host"),
        ];
    }

    private static bool IsWritableFolder(MountSpec mount) => !mount.ReadOnly && mount.HostPath.Length > 0 && Directory.Exists(mount.HostPath);
}

using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Refuses what the handler cannot do: rather no container than one that silently lacks what was asked for.</summary>
internal static class FeatureGate
{
    // Device plugins have used annotations before the field existed.
    private const string LegacyCdiPrefix = "cdi.k8s.io/";

    internal static void Check(SpecInput input)
    {
        var (container, security, features) = (input.Container, input.Container.Security, input.Features);
        if (security.Privileged && !input.SandboxPrivileged)
        {
            throw RuntimeException.InvalidArgument(
                $"container {container.Name} is privileged, but its sandbox was not created for privileged containers; set privileged in both");
        }

        Require(features.Privileged, security.Privileged, "a privileged container");
        Require(features.Devices, container.Devices.Count > 0, "a device of the host in a container");
        Require(features.HostNamespaces, security.Namespaces.Pid == NamespaceMode.Node, "the host's PID namespace");
        Require(features.SharedPidNamespace, security.Namespaces.Pid == NamespaceMode.Target, "the PID namespace of another container");
        Require(features.UserNamespaces, security.Namespaces.User is { Mode: NamespaceMode.Pod }, "a user namespace");
        Require(features.Seccomp, security.Seccomp is { Type: SecurityProfileType.Localhost }, "a seccomp profile of one's own");
        if (container.CdiDevices.Count > 0 || container.Annotations.Keys.Any(static k => k.StartsWith(LegacyCdiPrefix, StringComparison.Ordinal)))
        {
            throw new RuntimeException(
                RuntimeErrorCode.NotSupported, $"container {container.Name} asks for CDI devices, which are not supported; use devices of the host");
        }
    }

    private static void Require(bool has, bool asked, string ability)
    {
        if (asked && !has)
        {
            throw RuntimeException.NotSupported(ability);
        }
    }
}

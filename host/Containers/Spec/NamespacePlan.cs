using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>Which namespaces a container joins, makes, or shares with the host.</summary>
internal static class NamespacePlan
{
    internal static IReadOnlyList<OciNamespace> Create(SpecInput input, bool cgroupV2)
    {
        var sandbox = input.SandboxNamespaces;
        List<OciNamespace?> all =
        [
            Pid(input),
            Shared(input, "network", sandbox.Network == NamespaceMode.Node),
            Shared(input, "ipc", sandbox.Ipc == NamespaceMode.Node),

            // A pod on the host's network also has the host's name.
            Shared(input, "uts", sandbox.Network == NamespaceMode.Node),
            new("mount"),
            cgroupV2 && !input.Container.Security.Privileged ? new("cgroup") : null,
            sandbox.User is { Mode: NamespaceMode.Pod } ? new("user", input.NamespacePaths.GetValueOrDefault("user")) : null,
        ];
        return [.. all.OfType<OciNamespace>()];
    }

    private static OciNamespace? Shared(SpecInput input, string type, bool host) =>
        input.NamespacePaths.TryGetValue(type, out var path) ? new(type, path) : host ? null : new(type);

    private static OciNamespace? Pid(SpecInput input)
    {
        var (mode, sandboxMode) = (input.Container.Security.Namespaces.Pid, input.SandboxNamespaces.Pid);
        if (mode == NamespaceMode.Node && sandboxMode != NamespaceMode.Node)
        {
            throw RuntimeException.InvalidArgument(
                $"container {input.Container.Name} asks for the host's PID namespace, but its sandbox does not; ask for it in both");
        }

        return mode switch
        {
            NamespaceMode.Container => new("pid"),
            NamespaceMode.Node => null,
            NamespaceMode.Pod when sandboxMode == NamespaceMode.Node => null,
            NamespaceMode.Pod => new("pid", input.NamespacePaths.GetValueOrDefault("pid") ?? throw RuntimeException.FailedPrecondition(
                $"container {input.Container.Name} asks for the pod's PID namespace, but its sandbox has none to share; create the sandbox with PID mode POD")),
            NamespaceMode.Target => new("pid", input.TargetPidNamespace ?? throw RuntimeException.FailedPrecondition(
                $"container {input.Container.Name} asks for the PID namespace of container {input.Container.Security.Namespaces.TargetId}, which is not running")),
            _ => throw RuntimeException.InvalidArgument($"PID namespace mode {mode} is not known"),
        };
    }
}

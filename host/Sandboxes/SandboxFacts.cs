using Berth.Common;
using Berth.Containers;
using Berth.Plugins;

namespace Berth.Sandboxes;

/// <summary>What the rules get to see of a pod.</summary>
internal static class SandboxFacts
{
    /// <summary>The pod, for what is told to the cluster.</summary>
    public static NoticePod NoticeOf(PodSandboxSpec spec) => new(spec.Namespace, spec.Name, spec.Uid);

    public static PodFacts Of(PodSandboxSpec spec, string runtimeHandler) => new()
    {
        Namespace = spec.Namespace,
        Name = spec.Name,
        Uid = spec.Uid,
        Labels = spec.Labels,
        Annotations = spec.Annotations,
        HostNetwork = spec.Namespaces.Network == NamespaceMode.Node,
        HostPid = spec.Namespaces.Pid == NamespaceMode.Node,
        HostIpc = spec.Namespaces.Ipc == NamespaceMode.Node,
        Privileged = spec.Privileged,
        MemoryBytes = spec.Resources?.MemoryLimitBytes ?? 0,
        CpuMillis = PodSize.CpuMillis(spec.Resources),
        CpuRequestMillis = PodSize.CpuRequestMillis(spec.Resources),
        RuntimeHandler = runtimeHandler,
    };
}

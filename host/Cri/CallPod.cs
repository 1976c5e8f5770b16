using Berth.Containers;
using Berth.Cri.Protos;
using Berth.Sandboxes;

namespace Berth.Cri;

/// <summary>The pod that a call is about, for its log line and trace: they say which handler it has, and why.</summary>
public sealed class CallPod(SandboxRegistry sandboxes, ContainerRegistry containers)
{
    /// <summary>Null if it is about none, about one that does not exist, or names it by the beginning of its id.</summary>
    public Sandbox? Of(object message) => Id(message) is { Length: > 0 } id ? sandboxes.Get(containers.Get(id)?.SandboxId ?? id) : null;

    private static string? Id(object message) => message switch
    {
        RunPodSandboxResponse r => r.PodSandboxId,
        StopPodSandboxRequest r => r.PodSandboxId,
        RemovePodSandboxRequest r => r.PodSandboxId,
        PodSandboxStatusRequest r => r.PodSandboxId,
        PodSandboxStatsRequest r => r.PodSandboxId,
        UpdatePodSandboxResourcesRequest r => r.PodSandboxId,
        PortForwardRequest r => r.PodSandboxId,
        CreateContainerRequest r => r.PodSandboxId,
        StartContainerRequest r => r.ContainerId,
        StopContainerRequest r => r.ContainerId,
        RemoveContainerRequest r => r.ContainerId,
        ContainerStatusRequest r => r.ContainerId,
        ContainerStatsRequest r => r.ContainerId,
        UpdateContainerResourcesRequest r => r.ContainerId,
        ReopenContainerLogRequest r => r.ContainerId,
        CheckpointContainerRequest r => r.ContainerId,
        ExecSyncRequest r => r.ContainerId,
        ExecRequest r => r.ContainerId,
        AttachRequest r => r.ContainerId,
        _ => null,
    };
}

using Berth.Cri.Mapping;
using Berth.Cri.Protos;

namespace Berth.Cri;

/// <summary>
/// What a call is about, for its log line: an id or a name. Never credentials, commands or environments, which may hold secrets.
/// </summary>
internal static class CallSubject
{
    private const int MostCharacters = 256;

    public static string Of(object request) => Field.OneLine(Text(request), MostCharacters);

    private static string Text(object request) => request switch
    {
        RunPodSandboxRequest r => $"{r.Config?.Metadata?.Namespace}/{r.Config?.Metadata?.Name}",
        StopPodSandboxRequest r => r.PodSandboxId,
        RemovePodSandboxRequest r => r.PodSandboxId,
        PodSandboxStatusRequest r => r.PodSandboxId,
        PodSandboxStatsRequest r => r.PodSandboxId,
        UpdatePodSandboxResourcesRequest r => r.PodSandboxId,
        CreateContainerRequest r => $"{r.Config?.Metadata?.Name} in {r.PodSandboxId}",
        StartContainerRequest r => r.ContainerId,
        StopContainerRequest r => r.ContainerId,
        RemoveContainerRequest r => r.ContainerId,
        ContainerStatusRequest r => r.ContainerId,
        ContainerStatsRequest r => r.ContainerId,
        UpdateContainerResourcesRequest r => r.ContainerId,
        ReopenContainerLogRequest r => r.ContainerId,
        ExecSyncRequest r => r.ContainerId,
        ExecRequest r => r.ContainerId,
        AttachRequest r => r.ContainerId,
        PortForwardRequest r => r.PodSandboxId,
        PullImageRequest r => r.Image?.Image ?? "",
        ImageStatusRequest r => r.Image?.Image ?? "",
        RemoveImageRequest r => r.Image?.Image ?? "",
        _ => "",
    };
}

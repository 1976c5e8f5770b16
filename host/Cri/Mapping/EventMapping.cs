using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Events of pods.</summary>
internal static class EventMapping
{
    public static Protos.ContainerEventResponse ToProto(PodEvent item) => new()
    {
        ContainerId = item.Id,
        ContainerEventType = Type(item.Type),
        CreatedAt = UnixNanoseconds.Of(item.Time),
        PodSandboxStatus = SandboxMapping.ToStatus(item.Sandbox),
        ContainersStatuses = { item.Containers.Select(ContainerMapping.ToStatus) },
    };

    private static Protos.ContainerEventType Type(PodEventType type) => type switch
    {
        PodEventType.Created => Protos.ContainerEventType.ContainerCreatedEvent,
        PodEventType.Started => Protos.ContainerEventType.ContainerStartedEvent,
        PodEventType.Stopped => Protos.ContainerEventType.ContainerStoppedEvent,
        PodEventType.Deleted => Protos.ContainerEventType.ContainerDeletedEvent,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "it is never published"),
    };
}

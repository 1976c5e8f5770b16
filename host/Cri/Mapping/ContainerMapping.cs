using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Containers: the record into answers. The way in is <see cref="ContainerSpecMapping"/>.</summary>
internal static class ContainerMapping
{
    public static Protos.Container ToListItem(Container container) => new()
    {
        Id = container.Id,
        PodSandboxId = container.SandboxId,
        Metadata = Metadata(container.Spec),
        Image = Image(container.Spec),
        ImageRef = container.ImageRef,
        ImageId = container.ImageId,
        State = State(container),
        CreatedAt = UnixNanoseconds.Of(container.CreatedAt),
        Labels = { container.Spec.Labels.ToDictionary() },
        Annotations = { container.Spec.Annotations.ToDictionary() },
    };

    public static Protos.ContainerStatus ToStatus(Container container)
    {
        var hasEnded = container.Phase is ContainerPhase.Exited or ContainerPhase.Removing;
        return new()
        {
            Id = container.Id,
            Metadata = Metadata(container.Spec),
            State = State(container),
            CreatedAt = UnixNanoseconds.Of(container.CreatedAt),
            StartedAt = hasEnded || container.Phase == ContainerPhase.Running ? UnixNanoseconds.Of(container.StartedAt) : 0,
            FinishedAt = hasEnded ? UnixNanoseconds.Of(container.FinishedAt) : 0,
            ExitCode = hasEnded ? container.ExitCode : 0,
            Reason = container.Reason,
            Message = container.Message,
            Image = Image(container.Spec),
            ImageRef = container.ImageRef,
            ImageId = container.ImageId,
            Labels = { container.Spec.Labels.ToDictionary() },
            Annotations = { container.Spec.Annotations.ToDictionary() },
            Mounts = { container.Spec.Mounts.Select(MountMapping.ToProto) },
            LogPath = container.LogPath,
            Resources = new() { Linux = ResourceMapping.ToProto(container.Resources) },
            User = new() { Linux = User(container.User) },
            StopSignal = SignalMapping.ToProto(container.StopSignal),
        };
    }

    public static Protos.ContainerState State(Container container) => container.Phase switch
    {
        ContainerPhase.Created or ContainerPhase.Starting => Protos.ContainerState.ContainerCreated,
        ContainerPhase.Running => Protos.ContainerState.ContainerRunning,
        ContainerPhase.Exited => Protos.ContainerState.ContainerExited,
        _ => Protos.ContainerState.ContainerUnknown,
    };

    public static Protos.ContainerMetadata Metadata(ContainerSpec spec) => new() { Name = spec.Name, Attempt = spec.Attempt };

    // A kubelet creates by id and shows what the answer says, so the name that the user wrote goes back where it is known.
    private static Protos.ImageSpec Image(ContainerSpec spec) => new()
    {
        Image = spec.UserSpecifiedImage.Length > 0 ? spec.UserSpecifiedImage : spec.Image,
        UserSpecifiedImage = spec.UserSpecifiedImage,
        Annotations = { spec.ImageAnnotations.ToDictionary() },
        RuntimeHandler = spec.ImageRuntimeHandler,
        ImageRef = spec.ImageRef,
    };

    private static Protos.LinuxContainerUser User(ContainerUser user) =>
        new() { Uid = user.Uid, Gid = user.Gid, SupplementalGroups = { user.SupplementalGroups.Select(static group => (long)group) } };
}

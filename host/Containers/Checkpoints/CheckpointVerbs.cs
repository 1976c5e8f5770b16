namespace Berth.Containers.Checkpoints;

/// <summary>What can be done with checkpoints.</summary>
public sealed record CheckpointVerbs(ContainerCheckpointer Containers, PodCheckpointer Pods, PodRestorer Restorer);

using System.Text.Json.Serialization;
using Berth.Abstractions;
using Berth.State;

namespace Berth.Containers;

/// <summary>
/// A container as it stands: an immutable snapshot, replaced as a whole.
/// <code>
///   Creating ──► Created ──► Starting ──► Running ──► Exited ──► Removing ──► (gone)
///      │                        └─ failed: StartError ──►┘            ▲
///      └── failed: undone ───────────────────────────────────────────┘
/// </code>
/// </summary>
public sealed record Container : IRecord
{
    /// <summary>64 hex digits.</summary>
    public required string Id { get; init; }

    public required string SandboxId { get; init; }

    public required ContainerSpec Spec { get; init; }

    public required ContainerPhase Phase { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public int ExitCode { get; init; }

    /// <summary><c>Completed</c>, <c>Error</c>, <c>OOMKilled</c>, <c>StartError</c>, <c>Unknown</c>; empty before the end.</summary>
    public string Reason { get; init; } = "";

    public string Message { get; init; } = "";

    /// <summary>The image's id, <c>sha256:...</c>.</summary>
    public required string ImageId { get; init; }

    /// <summary>The ids of images that it has as volumes: in use as the first is.</summary>
    public IReadOnlyList<string> VolumeImageIds { get; init; } = [];

    /// <summary>What kubelets show: the repository digest if there is one, else the id.</summary>
    public required string ImageRef { get; init; }

    /// <summary>The absolute path of the log; empty if none is wanted.</summary>
    public string LogPath { get; init; } = "";

    /// <summary>The name of the signal that stops it.</summary>
    public string StopSignal { get; init; } = "SIGTERM";

    public ContainerUser User { get; init; } = new(0, 0, []);

    /// <summary>Limits in force, as last updated.</summary>
    public ContainerResources Resources { get; init; } = new();

    /// <summary>The cgroup's path beneath the root of each hierarchy.</summary>
    public string CgroupPath { get; init; } = "";

    /// <summary>What the handler was called with; null while it was never reached.</summary>
    public CreateContainerRequest? Request { get; init; }

    /// <summary>The init's process id on the host; 0 if not known.</summary>
    public int Pid { get; init; }

    /// <summary>The last failure of an undo or a removal.</summary>
    public string? Owed { get; init; }

    /// <summary>Whether CRI lists show it.</summary>
    [JsonIgnore]
    public bool IsVisible => Phase is ContainerPhase.Created or ContainerPhase.Starting or ContainerPhase.Running or ContainerPhase.Exited;

    /// <summary>Identifies it within its sandbox: a second request with the same name is a retry of the first.</summary>
    [JsonIgnore]
    public string UniqueName => $"{SandboxId}_{Spec.Name}_{Spec.Attempt}";
}

public enum ContainerPhase
{
    Creating,
    Created,
    Starting,
    Running,
    Exited,
    Removing,
}

/// <summary>The ids that the first process runs with.</summary>
public sealed record ContainerUser(uint Uid, uint Gid, IReadOnlyList<uint> SupplementalGroups);

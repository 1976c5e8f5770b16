using System.Text.Json.Serialization;

namespace Berth.Containers.Checkpoints;

/// <summary>config.dump: whose checkpoint it is, and of what image.</summary>
internal sealed record CheckpointConfig
{
    public string Id { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>As the pod asked for it.</summary>
    public string RootfsImage { get; init; } = "";

    /// <summary>The image's id.</summary>
    public string RootfsImageRef { get; init; } = "";

    /// <summary>A name of the image.</summary>
    public string RootfsImageName { get; init; } = "";

    /// <summary>The handler.</summary>
    public string Runtime { get; init; } = "";

    public DateTimeOffset CreatedTime { get; init; }

    public DateTimeOffset CheckpointedTime { get; init; }

    public DateTimeOffset RestoredTime { get; init; }

    public bool Restored { get; init; }
}

/// <summary>status.dump; times in nanoseconds since 1970.</summary>
internal sealed record CheckpointStatus(long CreatedAt, long StartedAt, long FinishedAt, int ExitCode, int Pid, string Reason, string Message);

/// <summary>An element of bind.mounts.</summary>
internal sealed record CheckpointMount(string Source, string Destination, string FileType, int Permissions);

/// <summary>pod.options: which archive is which container's.</summary>
internal sealed record PodCheckpointOptions
{
    public int Version { get; init; } = 1;

    /// <summary>By the container's name, the archive's name without its ending.</summary>
    public IReadOnlyDictionary<string, string> Containers { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
}

/// <summary>pod.dump: which pod it was. Only for people: a restore takes nothing of it.</summary>
internal sealed record PodCheckpointDump(
    string Id, string Name, string Namespace, string Uid, uint Attempt, string RuntimeHandler, string Hostname, IReadOnlyList<string> Ips,
    DateTimeOffset CreatedTime, IReadOnlyDictionary<string, string> Labels, IReadOnlyDictionary<string, string> Annotations);

/// <summary>Which files got their names, so that they are taken away if the gateway is killed amid that.</summary>
internal sealed record NamedFiles(string Folder, bool IsOurs, IReadOnlyDictionary<string, ulong> Inodes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(CheckpointConfig))]
[JsonSerializable(typeof(PodCheckpointOptions))]
[JsonSerializable(typeof(PodCheckpointDump))]
[JsonSerializable(typeof(NamedFiles))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class CheckpointJson : JsonSerializerContext;

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(CheckpointStatus))]
internal sealed partial class CheckpointStatusJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(IReadOnlyList<CheckpointMount>))]
internal sealed partial class CheckpointMountsJson : JsonSerializerContext;

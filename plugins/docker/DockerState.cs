using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>
/// Saved before anything is made. The Engine's objects are found by label, with the gateway's id; what is not the Engine's is named here.
/// </summary>
internal sealed record DockerState
{
    private const int Version = 1;

    /// <summary>The cgroup that the Engine's own is put in, beneath the root of each hierarchy; null with systemd, whose slice is the pod's.</summary>
    public string? Cgroup { get; init; }

    public StateRecord ToRecord() => new(Version, JsonSerializer.SerializeToElement(this, DockerJson.Settings));

    public static DockerState? FromRecord(StateRecord? record, string id) => record switch
    {
        null => null,
        { Version: Version } => record.Data.Deserialize<DockerState>(DockerJson.Settings),
        _ => throw new RuntimeException(
            RuntimeErrorCode.Internal, $"state of {id} has version {record.Version}; this plugin reads {Version}: install the version that wrote it"),
    };
}

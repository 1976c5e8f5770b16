using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>
/// What must be known to adopt or remove a container without an object. It is saved before the monitor may act, so
/// whatever exists outside the gateway is named by it.
/// </summary>
internal sealed record OciState
{
    private const int Version = 1;

    /// <summary>The runtime's root, which the configuration may change later.</summary>
    public required string RuntimeRoot { get; init; }

    /// <summary>The bundle.</summary>
    public required string Bundle { get; init; }

    /// <summary>The container's cgroup beneath the root of each hierarchy; null if the bundle names none.</summary>
    public string? Cgroup { get; init; }

    /// <summary>The private folder.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>The monitor's process id.</summary>
    public required int MonitorPid { get; init; }

    /// <summary>When the monitor started, in clock ticks since boot.</summary>
    public required ulong MonitorStartTime { get; init; }

    /// <summary>The folder of the checkpoint that it goes on from; null for none, and in what older versions wrote.</summary>
    public string? RestoreFrom { get; init; }

    /// <summary>Why the runtime refused to create the container; null if it did not.</summary>
    public string? Refusal { get; init; }

    public StateRecord ToRecord() => new(Version, JsonSerializer.SerializeToElement(this, OciJson.Settings));

    public static OciState? FromRecord(StateRecord? record, string id) => record switch
    {
        null => null,
        { Version: Version } => record.Data.Deserialize<OciState>(OciJson.Settings),
        _ => throw new RuntimeException(
            RuntimeErrorCode.Internal, $"state of {id} has version {record.Version}; this plugin reads {Version}: install the version that wrote it"),
    };
}

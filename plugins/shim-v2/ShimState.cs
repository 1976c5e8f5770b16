using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// What must be known to adopt or remove a sandbox or container without an object. It is saved before a shim is started or
/// asked for anything; a shim whose address is not known yet is found in the overhead cgroup.
/// </summary>
internal sealed record ShimState
{
    private const int CurrentVersion = 1;

    /// <summary>The bundle that the shim works in: a folder named by the id.</summary>
    public required string Bundle { get; init; }

    /// <summary>The private folder.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>The container's cgroup beneath the root of each hierarchy; null if the bundle names none, or there is no container.</summary>
    public string? Cgroup { get; init; }

    /// <summary>The pod's cgroup for the shim and the logger.</summary>
    public required string OverheadCgroup { get; init; }

    /// <summary>Where the shim answers; null if it has not said yet.</summary>
    public Bootstrap? Shim { get; init; }

    /// <summary>The shim's process id; 0 if not known.</summary>
    public int ShimPid { get; init; }

    /// <summary>When the shim started, in clock ticks since boot.</summary>
    public ulong ShimStartTime { get; init; }

    /// <summary>Whether a container belongs to it; a sandbox may be a shim alone.</summary>
    public bool HasContainer { get; init; }

    /// <summary>Why the runtime refused to create the container; null if it did not.</summary>
    public string? Refusal { get; init; }

    public ShimState With(Shim shim) => this with { Shim = shim.Bootstrap, ShimPid = shim.Pid, ShimStartTime = shim.StartTime };

    public StateRecord ToRecord() => new(CurrentVersion, JsonSerializer.SerializeToElement(this, ShimJson.Settings));

    public static ShimState? FromRecord(StateRecord? record, string id) => record switch
    {
        null => null,
        { Version: CurrentVersion } => record.Data.Deserialize<ShimState>(ShimJson.Settings),
        _ => throw new RuntimeException(
            RuntimeErrorCode.Internal, $"state of {id} has version {record.Version}; this plugin reads {CurrentVersion}: install the version that wrote it"),
    };
}

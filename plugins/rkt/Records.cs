using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>The file <c>pod</c>.</summary>
internal sealed record PodManifest
{
    public required string SandboxId { get; init; }

    public required string Name { get; init; }

    public required string Namespace { get; init; }

    public required Flavour Flavour { get; init; }

    /// <summary>The pod's cgroup for what is not an app's. On v2 a cgroup has either processes or others beneath, so it has two.</summary>
    public required string Overhead { get; init; }

    /// <summary>Of systemd-nspawn, which makes further ones in it for itself and the machine.</summary>
    [JsonIgnore]
    public string MachineCgroup => $"{Overhead}/machine";

    /// <summary>Of the apps' supervisors.</summary>
    [JsonIgnore]
    public string SupervisorCgroup => $"{Overhead}/supervisors";

    /// <summary>The apps are in stage 1's own PID namespace; otherwise each has one within it.</summary>
    public required bool SharedPid { get; init; }
}

/// <summary>The file <c>app</c>.</summary>
internal sealed record AppManifest
{
    public required string Name { get; init; }

    public required uint Attempt { get; init; }

    public required string ImageId { get; init; }

    public required string Cgroup { get; init; }
}

/// <summary>A process by number and start, so that no other is taken for it.</summary>
internal sealed record ProcessRecord(int Pid, ulong StartTime);

/// <summary>The file <c>supervisor</c> of an app: its monitor, and its first process (0: it was gone at once).</summary>
internal sealed record AppProcesses(ProcessRecord Monitor, ProcessRecord Init);

/// <summary>What the gateway keeps: where the rest is to be found.</summary>
internal sealed record RktRecord(string Uuid)
{
    private const int Version = 1;

    public StateRecord ToRecord() => new(Version, JsonSerializer.SerializeToElement(this, RktJson.Settings));
}

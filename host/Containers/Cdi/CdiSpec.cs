using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Containers.Cdi;

/// <summary>A file of the Container Device Interface (CNCF, SPEC.md): the devices of one kind, and what a container needs to use them.</summary>
internal sealed record CdiSpec
{
    public string CdiVersion { get; init; } = "";

    /// <summary><c>vendor/class</c>.</summary>
    public string Kind { get; init; } = "";

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    public IReadOnlyList<CdiDevice> Devices { get; init; } = [];

    /// <summary>What any of the devices needs.</summary>
    public CdiEdits? ContainerEdits { get; init; }

    /// <summary>All edits in it.</summary>
    [JsonIgnore]
    internal IEnumerable<CdiEdits> AllEdits => Devices.Select(static d => d.ContainerEdits).Prepend(ContainerEdits).OfType<CdiEdits>();
}

internal sealed record CdiDevice
{
    public string Name { get; init; } = "";

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    public CdiEdits? ContainerEdits { get; init; }
}

/// <summary>Changes to config.json.</summary>
public sealed record CdiEdits
{
    /// <summary><c>NAME=value</c>.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];

    public IReadOnlyList<CdiDeviceNode> DeviceNodes { get; init; } = [];

    public IReadOnlyList<CdiMount> Mounts { get; init; } = [];

    public IReadOnlyList<CdiHook> Hooks { get; init; } = [];

    public IReadOnlyList<uint> AdditionalGids { get; init; } = [];

    public CdiRdt? IntelRdt { get; init; }

    public IReadOnlyList<CdiNetDevice> NetDevices { get; init; } = [];
}

public sealed record CdiDeviceNode
{
    public string Path { get; init; } = "";

    /// <summary>Null: the same path.</summary>
    public string? HostPath { get; init; }

    /// <summary><c>b</c>, <c>c</c>, <c>u</c> (as c) or <c>p</c>; null is found out.</summary>
    public string? Type { get; init; }

    public uint? Major { get; init; }

    public uint? Minor { get; init; }

    public uint? FileMode { get; init; }

    /// <summary>Letters of <c>rwm</c>; empty is all, <c>none</c> is none.</summary>
    public string? Permissions { get; init; }

    public uint? Uid { get; init; }

    public uint? Gid { get; init; }
}

public sealed record CdiMount
{
    public string HostPath { get; init; } = "";

    public string ContainerPath { get; init; } = "";

    public string? Type { get; init; }

    public IReadOnlyList<string> Options { get; init; } = [];
}

public sealed record CdiHook
{
    public string HookName { get; init; } = "";

    public string Path { get; init; } = "";

    public IReadOnlyList<string>? Args { get; init; }

    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>Seconds.</summary>
    public int? Timeout { get; init; }
}

/// <summary>A class of Intel's Resource Director Technology.</summary>
public sealed record CdiRdt
{
    public string? ClosID { get; init; }

    public string? L3CacheSchema { get; init; }

    public string? MemBwSchema { get; init; }

    public IReadOnlyList<string>? Schemata { get; init; }

    public bool EnableMonitoring { get; init; }

    /// <summary>Before 1.1.0.</summary>
    [JsonPropertyName("enableCMT")]
    public bool EnableCmt { get; init; }

    /// <summary>Before 1.1.0.</summary>
    [JsonPropertyName("enableMBM")]
    public bool EnableMbm { get; init; }
}

public sealed record CdiNetDevice
{
    public string HostInterfaceName { get; init; } = "";

    public string Name { get; init; } = "";
}

/// <summary>How a file is read.</summary>
internal static class CdiJson
{
    // By reflection: generated code would not keep the initial values of properties that are left out. A file with a field that is
    // not known is refused, says the specification.
    public static JsonSerializerOptions Settings { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        PropertyNameCaseInsensitive = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
    };
}

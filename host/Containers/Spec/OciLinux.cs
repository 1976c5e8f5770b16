namespace Berth.Containers.Spec;

/// <summary>The <c>linux</c> object: OCI runtime specification, config-linux.md.</summary>
public sealed record OciLinux
{
    public required IReadOnlyList<OciNamespace> Namespaces { get; init; }

    public IReadOnlyList<OciIdMapping>? UidMappings { get; init; }

    public IReadOnlyList<OciIdMapping>? GidMappings { get; init; }

    public IReadOnlyList<OciDevice>? Devices { get; init; }

    public string? CgroupsPath { get; init; }

    public required OciResources Resources { get; init; }

    public string? RootfsPropagation { get; init; }

    public OciSeccomp? Seccomp { get; init; }

    public string? MountLabel { get; init; }

    public IReadOnlyList<string>? MaskedPaths { get; init; }

    public IReadOnlyList<string>? ReadonlyPaths { get; init; }

    public OciIntelRdt? IntelRdt { get; init; }
}

/// <summary>A class of Intel's Resource Director Technology, a folder of resctrl.</summary>
public sealed record OciIntelRdt
{
    public string? ClosID { get; init; }

    public string? L3CacheSchema { get; init; }

    public string? MemBwSchema { get; init; }

    public IReadOnlyList<string>? Schemata { get; init; }

    public bool? EnableCMT { get; init; }

    public bool? EnableMBM { get; init; }

    public bool? EnableMonitoring { get; init; }
}

/// <param name="Type">Such as <c>network</c>.</param>
/// <param name="Path">The namespace to join; null makes a new one.</param>
public sealed record OciNamespace(string Type, string? Path = null);

/// <summary>Ids in the container and what they are on the host.</summary>
public sealed record OciIdMapping(uint ContainerID, uint HostID, uint Size)
{
    /// <summary>As config.json has them; none is null.</summary>
    internal static IReadOnlyList<OciIdMapping>? Of(IReadOnlyList<IdMapping>? mappings) =>
        mappings is { Count: > 0 } ? [.. mappings.Select(static m => new OciIdMapping(m.ContainerId, m.HostId, m.Length))] : null;
}

/// <summary>A device node that the runtime makes.</summary>
public sealed record OciDevice
{
    /// <summary><c>c</c> or <c>b</c>.</summary>
    public required string Type { get; init; }

    public required string Path { get; init; }

    public required uint Major { get; init; }

    public required uint Minor { get; init; }

    public required uint FileMode { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }
}

/// <summary>cgroup settings; also what an update takes.</summary>
public sealed record OciResources
{
    public IReadOnlyList<OciDeviceRule>? Devices { get; init; }

    public OciMemory? Memory { get; init; }

    public OciCpu? Cpu { get; init; }

    public OciPids? Pids { get; init; }

    public OciBlockIO? BlockIO { get; init; }

    public IReadOnlyList<OciHugepageLimit>? HugepageLimits { get; init; }

    public IReadOnlyDictionary<string, string>? Unified { get; init; }
}

/// <summary>A rule of the device cgroup; a number that is null stands for all.</summary>
public sealed record OciDeviceRule(bool Allow, string Access, string? Type = null, uint? Major = null, uint? Minor = null);

public sealed record OciMemory
{
    public long? Limit { get; init; }

    /// <summary>Memory and swap together.</summary>
    public long? Swap { get; init; }
}

public sealed record OciCpu
{
    public ulong? Shares { get; init; }

    public long? Quota { get; init; }

    public ulong? Period { get; init; }

    public string? Cpus { get; init; }

    public string? Mems { get; init; }
}

public sealed record OciPids(long Limit);

public sealed record OciBlockIO
{
    public ushort? Weight { get; init; }

    public IReadOnlyList<OciWeightDevice>? WeightDevice { get; init; }

    public IReadOnlyList<OciThrottleDevice>? ThrottleReadBpsDevice { get; init; }

    public IReadOnlyList<OciThrottleDevice>? ThrottleWriteBpsDevice { get; init; }

    public IReadOnlyList<OciThrottleDevice>? ThrottleReadIOPSDevice { get; init; }

    public IReadOnlyList<OciThrottleDevice>? ThrottleWriteIOPSDevice { get; init; }
}

public sealed record OciWeightDevice(uint Major, uint Minor, ushort Weight);

public sealed record OciThrottleDevice(uint Major, uint Minor, ulong Rate);

public sealed record OciHugepageLimit(string PageSize, ulong Limit);

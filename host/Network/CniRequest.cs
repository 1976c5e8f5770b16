namespace Berth.Network;

/// <summary>A pod to be attached to its network, or detached.</summary>
public sealed record CniRequest
{
    public required string SandboxId { get; init; }

    /// <summary>For a detach it may be null, or gone.</summary>
    public required string? NetnsPath { get; init; }

    public required string PodName { get; init; }

    public required string PodNamespace { get; init; }

    public required string PodUid { get; init; }

    /// <summary><see cref="CniNetworkList.Json"/>, as it was when the pod was attached.</summary>
    public required string ConfigJson { get; init; }

    public IReadOnlyList<CniPortMapping> PortMappings { get; init; } = [];

    public IReadOnlyList<string> DnsServers { get; init; } = [];

    public IReadOnlyList<string> DnsSearches { get; init; } = [];

    public IReadOnlyList<string> DnsOptions { get; init; } = [];

    /// <summary>The pod's cgroup, for plugins that classify traffic by it; null for none.</summary>
    public string? CgroupPath { get; init; }

    /// <summary>Bits per second into the pod; 0 is unlimited.</summary>
    public long IngressBandwidth { get; init; }

    /// <summary>Bits per second out of the pod; 0 is unlimited.</summary>
    public long EgressBandwidth { get; init; }
}

/// <summary>A port that the node publishes.</summary>
/// <param name="Protocol"><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</param>
/// <param name="ContainerPort">The port within the pod.</param>
/// <param name="HostPort">The node's port; 0 publishes nothing.</param>
/// <param name="HostIp">Empty for every address.</param>
public sealed record CniPortMapping(string Protocol, int ContainerPort, int HostPort, string HostIp);

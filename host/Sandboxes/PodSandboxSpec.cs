using System.Text.Json.Serialization;
using Berth.Containers;

namespace Berth.Sandboxes;

/// <summary>A pod sandbox as the kubelet asks for it (CRI PodSandboxConfig), in the gateway's own types.</summary>
public sealed record PodSandboxSpec
{
    public required string Name { get; init; }

    public required string Namespace { get; init; }

    public required string Uid { get; init; }

    public uint Attempt { get; init; }

    public string Hostname { get; init; } = "";

    /// <summary>The folder for the logs of the pod's containers; empty if it asks for none.</summary>
    public string LogDirectory { get; init; } = "";

    /// <summary>Null: resolv.conf is a copy of the host's.</summary>
    public DnsSpec? Dns { get; init; }

    public IReadOnlyList<PortMapping> PortMappings { get; init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>As given: a slice name (systemd) or a path (cgroupfs); empty if it asks for none.</summary>
    public string CgroupParent { get; init; } = "";

    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    public NamespaceModes Namespaces { get; init; } = new();

    public bool Privileged { get; init; }

    public SecurityProfile? Seccomp { get; init; }

    public ContainerResources? Overhead { get; init; }

    public ContainerResources? Resources { get; init; }

    /// <summary>Identifies the pod and the attempt: a second request with the same name is a retry of the first.</summary>
    [JsonIgnore]
    public string UniqueName => $"{Name}_{Namespace}_{Uid}_{Attempt}";
}

/// <summary>The content of resolv.conf.</summary>
public sealed record DnsSpec(IReadOnlyList<string> Servers, IReadOnlyList<string> Searches, IReadOnlyList<string> Options);

/// <summary>A port of the pod that the node publishes.</summary>
/// <param name="Protocol"><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</param>
/// <param name="ContainerPort">1 to 65535.</param>
/// <param name="HostPort">1 to 65535; 0 publishes nothing.</param>
/// <param name="HostIp">Empty for every address.</param>
public sealed record PortMapping(string Protocol, int ContainerPort, int HostPort, string HostIp);

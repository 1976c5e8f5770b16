namespace Berth.Plugins;

/// <summary>What is known of a pod when its handler is chosen.</summary>
public sealed record PodFacts
{
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Empty if it is not known, as in a manifest.</summary>
    public string Uid { get; init; } = "";

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    public bool HostNetwork { get; init; }

    public bool HostPid { get; init; }

    public bool HostIpc { get; init; }

    public bool Privileged { get; init; }

    /// <summary>The sum of the limits; 0 if not said.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The sum of the limits in thousandths of a processor; 0 if not said.</summary>
    public long CpuMillis { get; init; }

    /// <summary>The sum of the requests in thousandths of a processor; 0 if not said.</summary>
    public long CpuRequestMillis { get; init; }

    /// <summary>What the pod's RuntimeClass names; empty for none.</summary>
    public string RuntimeHandler { get; init; } = "";
}

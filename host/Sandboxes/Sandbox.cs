using System.Text.Json.Serialization;
using Berth.Abstractions;
using Berth.Plugins;
using Berth.State;

namespace Berth.Sandboxes;

/// <summary>
/// A sandbox as it stands: an immutable snapshot, replaced as a whole.
/// <code>
///   Creating ──► Ready ──► Stopping ──► NotReady ──► Removing ──► (gone)
///      │           │ (VM or init died)     ▲             ▲
///      │           └───────────────────────┘             │
///      └── failed: undone ───────────────────────────────┘
/// </code>
/// The row is written before anything is made outside the process and deleted after the last thing is gone, so the
/// row's phase alone says what a start after kill -9 has to do: see SandboxRecovery.
/// </summary>
public sealed record Sandbox : IRecord
{
    /// <summary>64 hex digits.</summary>
    public required string Id { get; init; }

    public required PodSandboxSpec Spec { get; init; }

    public required SandboxPhase Phase { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The chosen handler's name.</summary>
    public required string Handler { get; init; }

    /// <summary>Which object of that handler; see <see cref="HandlerKey"/>.</summary>
    public string HandlerInstance { get; init; } = "";

    /// <summary>The SHA-256 of the plugin's folder, from which it can be loaded again while this pod needs it.</summary>
    public string PluginDigest { get; init; } = "";

    /// <summary>Why that handler: one line.</summary>
    public required string HandlerReason { get; init; }

    /// <summary>The plugin's id.</summary>
    public string Plugin { get; init; } = "";

    /// <summary>The plugin's version when the pod was started.</summary>
    public string PluginVersion { get; init; } = "";

    /// <summary>What the runtime called itself then.</summary>
    public string RuntimeVersion { get; init; } = "";

    /// <summary>The handler name as the request had it (RuntimeClass); empty for none.</summary>
    public string RequestedHandler { get; init; } = "";

    /// <summary>The pod's host name.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>The pod's addresses, the primary first; empty for host network.</summary>
    public IReadOnlyList<string> Ips { get; init; } = [];

    /// <summary>What CNI made; null for host network, and before it ran.</summary>
    public PodNetwork? Network { get; init; }

    /// <summary>The CNI configuration list that ADD was run with, for DEL; null if CNI never ran for it.</summary>
    public string? CniConfig { get; init; }

    /// <summary>The JSON result of ADD, as the last plugin gave it.</summary>
    public string? CniResult { get; init; }

    /// <summary>The pod's place in the cgroup tree.</summary>
    public required PodCgroup Cgroup { get; init; }

    /// <summary>The process that holds the pod; 0 if there is none.</summary>
    public int Pid { get; init; }

    /// <summary>What the handler told of the pod when it was started, for people.</summary>
    public IReadOnlyDictionary<string, string> HandlerDetails { get; init; } = new Dictionary<string, string>();

    /// <summary>What the handler was started with; null while it was never reached.</summary>
    public PrepareSandboxRequest? Prepared { get; init; }

    /// <summary>Namespaces that containers join, by OCI type.</summary>
    public IReadOnlyDictionary<string, string> NamespacePaths { get; init; } = new Dictionary<string, string>();

    /// <summary>cgroups that the gateway made and must remove, deepest first.</summary>
    public IReadOnlyList<string> OwnedCgroups { get; init; } = [];

    /// <summary>Who sets the limits of the pod's cgroup, for the status.</summary>
    public string LimitedBy { get; init; } = "";

    /// <summary>A stop has run to its end: nothing runs and the network is given back.</summary>
    public bool Ended { get; init; }

    /// <summary>The boot in which it was made (/proc/sys/kernel/random/boot_id).</summary>
    public string BootId { get; init; } = "";

    /// <summary>The last failure of an undo or a removal; what `berth doctor` shows as owed.</summary>
    public string? Owed { get; init; }

    [JsonIgnore]
    public HandlerKey HandlerKey => new(Handler, HandlerInstance);

    [JsonIgnore]
    public string UniqueName => Spec.UniqueName;

    /// <summary>Whether CRI lists show it.</summary>
    [JsonIgnore]
    public bool IsVisible => Phase is SandboxPhase.Ready or SandboxPhase.Stopping or SandboxPhase.NotReady;
}

public enum SandboxPhase
{
    Creating,
    Ready,
    Stopping,
    NotReady,
    Removing,
}

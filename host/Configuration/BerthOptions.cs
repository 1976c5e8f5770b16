using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Configuration;

/// <summary>plugins.json, bound and validated. Paths are absolute here.</summary>
public sealed record BerthOptions
{
    public GatewayOptions Gateway { get; init; } = new();

    public PluginsOptions Plugins { get; init; } = new();

    public HealthOptions Health { get; init; } = new();

    public IReadOnlyDictionary<string, HandlerOptions> Handlers { get; init; } = new Dictionary<string, HandlerOptions>();

    public SelectionOptions Selection { get; init; } = new();

    public ImagesOptions Images { get; init; } = new();

    public NetworkOptions Network { get; init; } = new();

    public SecurityOptions Security { get; init; } = new();

    public DeviceOptions Devices { get; init; } = new();

    public CheckpointOptions Checkpoints { get; init; } = new();

    public StreamingOptions Streaming { get; init; } = new();

    public MetricsOptions Metrics { get; init; } = new();

    public TracingOptions Tracing { get; init; } = new();

    public ClusterOptions Cluster { get; init; } = new();

    /// <summary>Where all this was read from, to read it again; null for what was not read.</summary>
    public ConfigurationSources? Sources { get; init; }

    /// <summary>The SHA-256 of the file as it was read; empty without one.</summary>
    public string SourcePrint { get; init; } = "";
}

public sealed record GatewayOptions
{
    /// <summary><c>unix:///path</c>.</summary>
    public string Listen { get; init; } = "unix:///run/berth/berth.sock";

    /// <summary>What survives a reboot: images, writable layers, the database.</summary>
    public string Root { get; init; } = "/var/lib/berth";

    /// <summary>What a reboot clears: bundles, namespaces, sockets.</summary>
    public string State { get; init; } = "/run/berth";

    /// <summary><c>auto</c>, <c>cgroupfs</c> or <c>systemd</c>.</summary>
    public string CgroupDriver { get; init; } = "auto";
}

public sealed record PluginsOptions
{
    /// <summary>Each subfolder with a plugin.json is a plugin.</summary>
    public IReadOnlyList<string> Folders { get; init; } = ["/usr/lib/berth/plugins", "/var/lib/berth/plugins"];

    public SignatureOptions Signatures { get; init; } = new();

    /// <summary>What the operator says of single plugins, by id.</summary>
    public IReadOnlyDictionary<string, PluginOptions> ById { get; init; } = new Dictionary<string, PluginOptions>();
}

public sealed record PluginOptions
{
    /// <summary>Null: what the manifest says, or else what fits the plugin's origin.</summary>
    public PluginIsolation? Isolation { get; init; }

    /// <summary>The most memory of its process, in bytes; null is the built-in limit.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>The most processes and threads of its process and its helpers; null is the built-in limit.</summary>
    public long? Pids { get; init; }

    /// <summary>The most processor time of them, in thousandths of a processor; null is the built-in limit.</summary>
    public long? CpuMillis { get; init; }
}

/// <summary>When a handler gets no new pods for a while, because it does harm.</summary>
public sealed record HealthOptions
{
    /// <summary>Calls that were neither answered nor refused, each for another pod; 0 quarantines nobody for them.</summary>
    public int Faults { get; init; } = 5;

    /// <summary>In this time.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long it lasts at first; each time in a row twice as long.</summary>
    public TimeSpan Quarantine { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>And at most.</summary>
    public TimeSpan LongestQuarantine { get; init; } = TimeSpan.FromMinutes(30);
}

public sealed record HandlerOptions
{
    /// <summary>The plugin's id; may be left out for a handler that a manifest offers.</summary>
    public string? Plugin { get; init; }

    public bool Disabled { get; init; }

    /// <summary>Merged over the manifest's options.</summary>
    public JsonElement? Options { get; init; }

    /// <summary>The keys of the pod annotations that reach the handler; null takes those of the plugin's manifest.</summary>
    public IReadOnlyList<string>? Annotations { get; init; }
}

public sealed record SelectionOptions
{
    public string Default { get; init; } = "runc";

    public AnnotationOptions Annotations { get; init; } = new();

    public IReadOnlyList<SelectionRule> Rules { get; init; } = [];

    /// <summary>By handler: those that take its pods while it is not ready, in this order. Not for enforced pods.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Fallback { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
}

public sealed record AnnotationOptions
{
    public IReadOnlyList<string> Keys { get; init; } = ["berth.dev/runtime-handler"];

    /// <summary>The handlers that an annotation may ask for; <c>*</c> is every one.</summary>
    public IReadOnlyList<string> Handlers { get; init; } = [];

    /// <summary>The pod namespaces whose annotations are believed; <c>*</c> is every one.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>Annotations of other runtimes that stand for a handler; believed from the same namespaces.</summary>
    public IReadOnlyList<MappedAnnotation> Mapped { get; init; } = [];
}

/// <summary>An annotation whose value is not a handler's name, such as io.kubernetes.cri.untrusted-workload.</summary>
/// <param name="Key">The annotation's key.</param>
/// <param name="Value">The value for which it stands for the handler.</param>
/// <param name="Use">The handler.</param>
public sealed record MappedAnnotation(string Key, string Value, string Use);

public sealed record SelectionRule
{
    public string Name { get; init; } = "";

    public RuleConditions When { get; init; } = new();

    /// <summary>The handler.</summary>
    public string? Use { get; init; }

    /// <summary>Decides before the RuntimeClass and the annotation.</summary>
    public bool Enforce { get; init; }

    /// <summary>Refuses the pod; the text is the reason shown.</summary>
    public string? Deny { get; init; }

    /// <summary>Percent of the matching pods that the rule takes, drawn by its name and the pod's uid; null is all.</summary>
    public int? Share { get; init; }
}

/// <summary>All that is given must hold. Strings are globs: <c>*</c> is any run of characters, <c>?</c> one.</summary>
public sealed record RuleConditions
{
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    public IReadOnlyList<string> Names { get; init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    public bool? HostNetwork { get; init; }

    public bool? HostPid { get; init; }

    public bool? HostIpc { get; init; }

    public bool? Privileged { get; init; }

    /// <summary>Bytes.</summary>
    public long? MinMemoryBytes { get; init; }

    public long? MinCpuMillis { get; init; }

    public long? MinCpuRequestMillis { get; init; }

    /// <summary>Image references; only for <c>deny</c>, as an image is not known before CreateContainer.</summary>
    public IReadOnlyList<string> Images { get; init; } = [];
}

public sealed record ImagesOptions
{
    /// <summary>A folder of <c>&lt;host&gt;/hosts.toml</c> files.</summary>
    public string Registries { get; init; } = "/etc/berth/registries";

    /// <summary>A docker config.json with credentials; empty for none.</summary>
    public string AuthFile { get; init; } = "";

    /// <summary>Images that kubelets' collection leaves alone and nobody removes: references, or patterns with <c>*</c> over full names.</summary>
    public IReadOnlyList<string> Pinned { get; init; } = [];

    /// <summary>Images that are pulled at a time; the others wait.</summary>
    public int MaxParallelPulls { get; init; } = 16;

    /// <summary>What all downloads together may take of the network; 0 is no limit.</summary>
    public long MaxBytesPerSecond { get; init; }

    /// <summary>Layers that are fetched at a time, over all pulls.</summary>
    public int MaxParallelLayers { get; init; } = 4;
}

public sealed record NetworkOptions
{
    public string ConfDir { get; init; } = "/etc/cni/net.d";

    public IReadOnlyList<string> BinDirs { get; init; } = ["/opt/cni/bin", "/usr/lib/cni"];
}

public sealed record SecurityOptions
{
    /// <summary>The profile for RuntimeDefault, in the form of containers/common.</summary>
    public string SeccompProfile { get; init; } = "/usr/share/containers/seccomp.json";
}

public sealed record DeviceOptions
{
    /// <summary>The folders of CDI's files; of the same device in two the later one's counts.</summary>
    public IReadOnlyList<string> CdiFolders { get; init; } = ["/etc/cdi", "/var/run/cdi"];

    /// <summary>The file of the classes of disk limits; empty for none.</summary>
    public string BlockioFile { get; init; } = "";
}

/// <summary>
/// From what containers may go on. A checkpoint decides what runs, and with whose memory, so nothing is believed unless it is named.
/// </summary>
public sealed record CheckpointOptions
{
    /// <summary>The folders whose archives and pod checkpoints are believed.</summary>
    public IReadOnlyList<string> RestoreFrom { get; init; } = [];

    /// <summary>Images that are checkpoints are believed; whoever may start a pod may then bring one.</summary>
    public bool RestoreImages { get; init; }
}

public sealed record StreamingOptions
{
    public string Listen { get; init; } = "127.0.0.1:0";

    /// <summary>A PEM file with the certificate and what stands behind it; empty serves without TLS.</summary>
    public string Certificate { get; init; } = "";

    /// <summary>The PEM file of its key.</summary>
    public string Key { get; init; } = "";

    /// <summary>A session in which nothing moves for so long is ended. As long as other runtimes wait; clients that ping never get there.</summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromHours(4);
}

public sealed record MetricsOptions
{
    /// <summary>Empty serves no metrics.</summary>
    public string Listen { get; init; } = "127.0.0.1:9095";
}

public sealed record TracingOptions
{
    /// <summary>
    /// Where traces go by OTLP: <c>http://host:4317</c> is gRPC, an address with a path such as <c>http://host:4318/v1/traces</c>
    /// is HTTP. Empty traces nothing.
    /// </summary>
    public string Endpoint { get; init; } = "";

    /// <summary>Of the calls whose client does not decide it, so many are traced.</summary>
    public int SamplingPercent { get; init; } = 100;
}

/// <summary>The cluster that is told of the handlers; neither of the two credentials tells nobody.</summary>
public sealed record ClusterOptions
{
    /// <summary>A kubeconfig file; empty for none.</summary>
    public string Kubeconfig { get; init; } = "";

    /// <summary>Uses the service account of the pod in which the gateway runs.</summary>
    public bool InCluster { get; init; }

    /// <summary>This node's name in the cluster.</summary>
    public string Node { get; init; } = Environment.MachineName.ToLowerInvariant();

    public bool IsOn => InCluster || Kubeconfig.Length > 0;
}

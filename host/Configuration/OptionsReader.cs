using System.Net;
using System.Text;
using Berth.Abstractions;

namespace Berth.Configuration;

/// <summary>From the merged configuration to options. Every mistake is added to the errors of the nodes; the result is then not used.</summary>
internal static class OptionsReader
{
    // sun_path with its final NUL, see unix(7).
    private const int LongestSocketPath = 107;

    public static BerthOptions Read(ConfigNode root) => new()
    {
        Gateway = root.Object("gateway", Gateway) ?? new(),
        Plugins = root.Object("plugins", Plugins) ?? new(),
        Health = root.Object("health", Health) ?? new(),
        Handlers = root.Objects("handlers", Handler),
        Selection = root.Object("selection", SelectionReader.Read) ?? new(),
        Images = root.Object("images", Images) ?? new(),
        Network = root.Object("network", Network) ?? new(),
        Security = root.Object("security", Security) ?? new(),
        Devices = root.Object("devices", Devices) ?? new(),
        Checkpoints = root.Object("checkpoints", Checkpoints) ?? new(),
        Streaming = root.Object("streaming", Streaming) ?? new(),
        Metrics = root.Object("metrics", Metrics) ?? new(),
        Tracing = root.Object("tracing", Tracing) ?? new(),
        Cluster = root.Object("cluster", Cluster) ?? new(),
    };

    private static GatewayOptions Gateway(ConfigNode node)
    {
        var defaults = new GatewayOptions();
        var driver = node.Text("cgroupDriver") ?? defaults.CgroupDriver;
        if (driver is not ("auto" or "cgroupfs" or "systemd"))
        {
            node.Error("cgroupDriver", $"'{driver}' is not one of auto, cgroupfs, systemd");
        }

        var (root, state) = (node.FilePath("root", defaults.Root), node.FilePath("state", defaults.State));
        if (root == state)
        {
            node.Error("state", $"is the same folder as gateway.root, {root}: a reboot clears one and not the other");
        }

        return new() { Listen = SocketAddress(node, defaults.Listen), Root = root, State = state, CgroupDriver = driver };
    }

    private static string SocketAddress(ConfigNode node, string fallback)
    {
        const string Scheme = "unix://";
        var listen = node.Text("listen") ?? fallback;
        if (!listen.StartsWith(Scheme, StringComparison.Ordinal) || listen.Length == Scheme.Length)
        {
            node.Error("listen", $"'{listen}' is not an address like unix:///run/berth/berth.sock");
            return fallback;
        }

        var path = node.Resolve(listen[Scheme.Length..]);
        if (Encoding.UTF8.GetByteCount(path) > LongestSocketPath)
        {
            node.Error("listen", $"the path of the socket is longer than {LongestSocketPath} bytes: {path}");
        }

        return Scheme + path;
    }

    private static PluginsOptions Plugins(ConfigNode node)
    {
        var folders = node.Texts("folders") ?? new PluginsOptions().Folders;
        var signatures = node.Object("signatures", SignatureReader.Read) ?? new();
        return new() { Folders = [.. folders.Select(node.Resolve)], Signatures = signatures, ById = node.OtherObjects(Plugin) };
    }

    private static PluginOptions Plugin(string id, ConfigNode node)
    {
        if (!HandlerNames.IsValid(id))
        {
            node.Error("", $"'{id}' cannot be a plugin's id: {HandlerNames.Rule}");
        }

        var isolation = node.Text("isolation");
        if (isolation is not (null or "in-process" or "process"))
        {
            node.Error("isolation", $"'{isolation}' is not one of in-process, process");
        }

        return new()
        {
            Isolation = isolation switch { null => null, "process" => PluginIsolation.Process, _ => PluginIsolation.InProcess },
            MemoryBytes = node.Number("memoryBytes", 64 << 20, long.MaxValue),
            Pids = node.Number("pids", 32, 4_194_304),
            CpuMillis = node.Number("cpuMillis", 100, 1_000_000),
        };
    }

    private static HealthOptions Health(ConfigNode node)
    {
        const int Day = 86_400;
        var defaults = new HealthOptions();
        var options = new HealthOptions
        {
            Faults = (int)(node.Number("faults", 0, 1000) ?? defaults.Faults),
            Window = Seconds("windowSeconds", defaults.Window),
            Quarantine = Seconds("quarantineSeconds", defaults.Quarantine),
            LongestQuarantine = Seconds("longestQuarantineSeconds", defaults.LongestQuarantine),
        };
        if (options.LongestQuarantine < options.Quarantine)
        {
            node.Error("longestQuarantineSeconds", $"{options.LongestQuarantine.TotalSeconds} is less than quarantineSeconds, {options.Quarantine.TotalSeconds}");
        }

        return options;

        TimeSpan Seconds(string key, TimeSpan fallback) => node.Number(key, 1, Day) is { } seconds ? TimeSpan.FromSeconds(seconds) : fallback;
    }

    private static HandlerOptions Handler(string name, ConfigNode node)
    {
        if (!HandlerNames.IsValid(name))
        {
            node.Error("", $"'{name}' cannot be a handler's name: {HandlerNames.Rule}");
        }

        var plugin = node.Text("plugin");
        if (plugin is not null && !HandlerNames.IsValid(plugin))
        {
            node.Error("plugin", $"'{plugin}' cannot be a plugin's id: {HandlerNames.Rule}");
        }

        return new()
        {
            Plugin = plugin,
            Disabled = node.Flag("disabled") ?? false,
            Options = node.Json("options"),
            Annotations = Annotations(node),
        };
    }

    private static IReadOnlyList<string>? Annotations(ConfigNode node)
    {
        var keys = node.Texts("annotations");
        foreach (var fault in keys?.Select(AnnotationKeys.Fault).OfType<string>() ?? [])
        {
            node.Error("annotations", fault);
        }

        return keys;
    }

    private static ImagesOptions Images(ConfigNode node)
    {
        var defaults = new ImagesOptions();
        return new()
        {
            Registries = node.FilePath("registries", defaults.Registries),
            AuthFile = node.FilePath("authFile", defaults.AuthFile),
            Pinned = Pinned(node),
            MaxParallelPulls = (int)(node.Number("maxParallelPulls", 1, 256) ?? defaults.MaxParallelPulls),
            MaxBytesPerSecond = node.Number("maxBytesPerSecond", 0, long.MaxValue) is { } rate ? Rate(node, rate) : defaults.MaxBytesPerSecond,
            MaxParallelLayers = (int)(node.Number("maxParallelLayers", 1, 64) ?? defaults.MaxParallelLayers),
        };
    }

    private static IReadOnlyList<string> Pinned(ConfigNode node)
    {
        var names = node.Texts("pinned") ?? [];
        foreach (var wrong in names.Where(static n => n.Any(static c => char.IsWhiteSpace(c) || char.IsControl(c))))
        {
            node.Error("pinned", $"'{wrong}' is neither an image reference such as registry.k8s.io/pause:3.10 nor a pattern with *");
        }

        return names;
    }

    // Below this a layer would look like one that stalls.
    private static long Rate(ConfigNode node, long rate)
    {
        const long Least = 64 * 1024;
        if (rate is > 0 and < Least)
        {
            node.Error("maxBytesPerSecond", $"{rate} is less than {Least}; 0 is no limit");
        }

        return rate;
    }

    private static NetworkOptions Network(ConfigNode node)
    {
        var defaults = new NetworkOptions();
        return new()
        {
            ConfDir = node.FilePath("confDir", defaults.ConfDir),
            BinDirs = [.. (node.Texts("binDirs") ?? defaults.BinDirs).Select(node.Resolve)],
        };
    }

    private static SecurityOptions Security(ConfigNode node) =>
        new() { SeccompProfile = node.FilePath("seccompProfile", new SecurityOptions().SeccompProfile) };

    private static DeviceOptions Devices(ConfigNode node)
    {
        var defaults = new DeviceOptions();
        return new()
        {
            CdiFolders = [.. (node.Texts("cdiFolders") ?? defaults.CdiFolders).Select(node.Resolve)],
            BlockioFile = node.FilePath("blockioFile", defaults.BlockioFile),
        };
    }

    private static CheckpointOptions Checkpoints(ConfigNode node) => new()
    {
        RestoreFrom = [.. (node.Texts("restoreFrom") ?? []).Select(node.Resolve)],
        RestoreImages = node.Flag("restoreImages") ?? false,
    };

    private static StreamingOptions Streaming(ConfigNode node)
    {
        var options = new StreamingOptions
        {
            Listen = TcpAddress(node, node.Text("listen") ?? new StreamingOptions().Listen),
            Certificate = node.FilePath("certificate", ""),
            Key = node.FilePath("key", ""),
            IdleTime = node.Number("idleSeconds", 1, 86_400) is { } seconds ? TimeSpan.FromSeconds(seconds) : new StreamingOptions().IdleTime,
        };
        if (options.Certificate.Length > 0 != options.Key.Length > 0)
        {
            node.Error(options.Key.Length > 0 ? "certificate" : "key", "is missing, for the other is given: TLS takes both, the certificate and its key");
        }

        return options;
    }

    private static MetricsOptions Metrics(ConfigNode node) =>
        new() { Listen = (node.Text("listen") ?? new MetricsOptions().Listen) is { Length: > 0 } listen ? TcpAddress(node, listen) : "" };

    private static TracingOptions Tracing(ConfigNode node)
    {
        var endpoint = node.Text("endpoint") ?? "";
        if (endpoint.Length > 0 && !(Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            node.Error("endpoint", $"'{endpoint}' is not an address like http://127.0.0.1:4317 or http://127.0.0.1:4318/v1/traces");
        }

        return new() { Endpoint = endpoint, SamplingPercent = (int)(node.Number("samplingPercent", 0, 100) ?? new TracingOptions().SamplingPercent) };
    }

    private static ClusterOptions Cluster(ConfigNode node)
    {
        var options = new ClusterOptions
        {
            Kubeconfig = node.FilePath("kubeconfig", ""),
            InCluster = node.Flag("inCluster") ?? false,
            Node = node.Text("node") ?? new ClusterOptions().Node,
        };
        if (options.InCluster && options.Kubeconfig.Length > 0)
        {
            node.Error("kubeconfig", "there is inCluster too; one of them has to go");
        }

        return options;
    }

    private static string TcpAddress(ConfigNode node, string listen)
    {
        // IPEndPoint takes an address alone for one with port 0.
        var hasPort = listen.Contains("]:", StringComparison.Ordinal) || listen.AsSpan().Count(':') == 1;
        if (!hasPort || !IPEndPoint.TryParse(listen, out _))
        {
            node.Error("listen", $"'{listen}' is not an address and port like 127.0.0.1:9095 or [::1]:9095");
        }

        return listen;
    }
}

namespace Berth.Configuration;

/// <summary>
/// The keys that are read once, at the start: sockets, folders and sizes of what lives as long as the process. All others come into
/// force with a reload.
/// </summary>
public static class RestartKeys
{
    private static readonly (string Key, Func<BerthOptions, object> Value)[] Keys =
    [
        ("gateway.listen", static o => o.Gateway.Listen),
        ("gateway.root", static o => o.Gateway.Root),
        ("gateway.state", static o => o.Gateway.State),
        ("gateway.cgroupDriver", static o => o.Gateway.CgroupDriver),
        ("images.maxParallelLayers", static o => o.Images.MaxParallelLayers),
        ("images.maxParallelPulls", static o => o.Images.MaxParallelPulls),
        ("images.maxBytesPerSecond", static o => o.Images.MaxBytesPerSecond),
        ("images.pinned", static o => string.Join(' ', o.Images.Pinned)),
        ("network.confDir", static o => o.Network.ConfDir),
        ("network.binDirs", static o => string.Join(':', o.Network.BinDirs)),
        ("security.seccompProfile", static o => o.Security.SeccompProfile),
        ("devices.cdiFolders", static o => string.Join(':', o.Devices.CdiFolders)),
        ("devices.blockioFile", static o => o.Devices.BlockioFile),
        ("cluster", static o => o.Cluster),
        ("tracing", static o => o.Tracing),
        ("streaming.listen", static o => o.Streaming.Listen),
        ("streaming.certificate", static o => o.Streaming.Certificate),
        ("streaming.key", static o => o.Streaming.Key),
        ("streaming.idleSeconds", static o => o.Streaming.IdleTime),
        ("metrics.listen", static o => o.Metrics.Listen),
    ];

    /// <summary>Their names.</summary>
    public static IEnumerable<string> All => Keys.Select(static k => k.Key);

    /// <summary>Those in which the two differ.</summary>
    public static IReadOnlyList<string> Changed(BerthOptions before, BerthOptions after) =>
        [.. Keys.Where(k => !k.Value(before).Equals(k.Value(after))).Select(static k => k.Key)];

    /// <summary>The new configuration, with these keys as they are in force.</summary>
    public static BerthOptions Keep(BerthOptions before, BerthOptions after) => after with
    {
        Gateway = before.Gateway,
        Network = before.Network,
        Security = before.Security,
        Devices = before.Devices,
        Streaming = before.Streaming,
        Metrics = before.Metrics,
        Cluster = before.Cluster,
        Tracing = before.Tracing,
        Images = before.Images with { Registries = after.Images.Registries, AuthFile = after.Images.AuthFile },
    };
}

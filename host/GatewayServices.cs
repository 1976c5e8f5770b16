using Berth.Admin;
using Berth.Admin.Checks;
using Berth.Cluster;
using Berth.Common;
using Berth.Configuration;
using Berth.Containers;
using Berth.Containers.Cdi;
using Berth.Containers.Checkpoints;
using Berth.Containers.Rootfs;
using Berth.Containers.Spec;
using Berth.Cri;
using Berth.Images;
using Berth.Images.Registries;
using Berth.Linux;
using Berth.Metrics;
using Berth.Network;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Plugins.Remote;
using Berth.Reload;
using Berth.Sandboxes;
using Berth.State;
using Berth.Streaming;
using Berth.Streaming.Sessions;
using Berth.Streaming.Spdy;
using Berth.Streaming.WebSockets;

namespace Berth;

/// <summary>Every part of the gateway and what it is made from; the order is the order of the layers.</summary>
internal static class GatewayServices
{
    public static void Add(IServiceCollection services, BerthOptions options)
    {
        AddGround(services, options);
        AddNetworkAndMetrics(services, options);
        AddPlugins(services, options);
        AddImages(services, options);
        AddSandboxes(services, options);
        AddContainers(services, options);
        AddReload(services);
        AddStreaming(services, options);
        AddAdmin(services);
        services.AddSingleton<CallPod>().AddCri(static s => s.GetRequiredService<BerthMetrics>().Rpc, static s => s.GetRequiredService<CallPod>().Of);
    }

    private static void AddGround(IServiceCollection services, BerthOptions options)
    {
        var layout = CgroupLayout.Detect();
        services
            .AddSingleton(options)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(layout)
            .AddSingleton<Cgroups>()
            .AddSingleton<CgroupWarmUp>()
            .AddSingleton<KeyedLock>()
            .AddSingleton<UserNamespaceSupport>()
            .AddSingleton<SharedGate>()
            .AddSingleton(HostFacts.Read())
            .AddSingleton(new CgroupTree(CgroupParents.ParseDriver(options.Gateway.CgroupDriver, layout)))
            .AddSingleton(new StateDatabase(Path.Combine(options.Gateway.Root, "berth.db")));
    }

    private static void AddNetworkAndMetrics(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(options.Network)
        .AddSingleton<CniConfiguration>()
        .AddSingleton<CniInvoker>()
        .AddSingleton(options.Metrics)
        .AddSingleton<BerthMetrics>()
        .AddSingleton<HandlerSamples>()
        .AddHostedSingleton<MetricsServer>()
        .AddHostedSingleton<IdleTrim>()
        .AddHostedSingleton<CgroupSampler>();

    private static void AddPlugins(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(new PluginStore(options.Gateway.Root))
        .AddSingleton<HandlerStateStore>()
        .AddSingleton<Action<PluginCall>>(static s =>
        {
            var metrics = s.GetRequiredService<BerthMetrics>();
            var time = s.GetRequiredService<TimeProvider>();
            return call =>
            {
                metrics.HandlerCall(call.Handler, call.Verb, call.Outcome.ToString(), call.Duration, isFault: call.Outcome >= PluginCallOutcome.DeadlineExceeded);
                BerthTraces.Record(
                    $"{call.Plugin} {call.Verb}",
                    time.GetUtcNow(),
                    call.Duration,
                    call.Outcome == PluginCallOutcome.Done ? null : call.Outcome.ToString(),
                    [new("berth.handler", call.Handler), new("berth.plugin", call.Plugin)]);
            };
        })
        .AddSingleton<Func<HealthOptions>>(static s => () => s.GetRequiredService<HandlerTable>().Current.Options.Health)
        .AddSingleton<QuarantineRegistry>()
        .AddSingleton<Quarantine>()
        .AddSingleton<HandlerFactory>()
        .AddSingleton(static s => new RemotePlugins(
            s.GetRequiredService<BerthOptions>().Gateway.State,
            s.GetRequiredService<CgroupTree>().Driver,
            s.GetRequiredService<Cgroups>(),
            s.GetRequiredService<TimeProvider>(),
            s.GetRequiredService<ILoggerFactory>()))
        .AddSingleton<PluginProcessReader>(static s => s.GetRequiredService<RemotePlugins>().Look)
        .AddSingleton<PluginCatalog>()
        .AddSingleton<PluginRetirement>()
        .AddSingleton(new HandlerTable(new([], []) { Options = options }))
        .AddHostedSingleton<HandlerHealthLoop>()
        .AddSingleton(static s => s.GetRequiredService<BerthOptions>().Cluster)
        .AddSingleton(new Notices(options.Cluster.IsOn))
        .AddHostedSingleton<ClusterEvents>()
        .AddHostedSingleton<ClusterPublisher>();

    private static void AddImages(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(options.Images)
        .AddSingleton<Func<ImagesOptions>>(static s => () => s.GetRequiredService<HandlerTable>().Current.Options.Images)
        .AddSingleton(new ImageFolders(options.Gateway.Root))
        .AddSingleton<Trash>()
        .AddSingleton<LayerStore>()
        .AddSingleton<ImageStore>()
        .AddSingleton<Bandwidth>()
        .AddSingleton<RegistryClient>()
        .AddSingleton<ImagePuller>()
        .AddSingleton<ImageImporter>()
        .AddSingleton<ImageFileSystem>()
        .AddSingleton<Snapshots>()
        .AddSingleton<ImageViews>()
        .AddSingleton<UserNamespaceTrial>()
        .AddSingleton<BlockImages>();

    private static void AddSandboxes(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(new SandboxPaths(options.Gateway.State))
        .AddSingleton<SandboxRegistry>()
        .AddSingleton<SandboxObjects>()
        .AddSingleton<SandboxUsage>()
        .AddSingleton<SandboxFiles>()
        .AddSingleton<SandboxNamespaces>()
        .AddSingleton<SandboxLimits>()
        .AddSingleton<SandboxCgroups>()
        .AddSingleton<SandboxNetwork>()
        .AddSingleton<SandboxSpecBuilder>()
        .AddSingleton<SandboxBundle>()
        .AddSingleton<SandboxPlanner>()
        .AddSingleton<SandboxTeardown>()
        .AddSingleton<SandboxRunner>()
        .AddSingleton<SandboxStopper>()
        .AddSingleton<SandboxRemover>()
        .AddSingleton<SandboxUpdater>()
        .AddSingleton<GatewayStatus>()
        .AddHostedSingleton<OwedRemovals>();

    private static void AddContainers(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(new ContainerPaths(options.Gateway.State))
        .AddSingleton(static s => new SeccompProfiles(s.GetRequiredService<BerthOptions>().Security.SeccompProfile, s.GetRequiredService<HostFacts>()))
        .AddSingleton<OciSpecBuilder>()
        .AddSingleton(static s => new AppArmorDefault(s.GetRequiredService<HostFacts>(), Path.Combine(s.GetRequiredService<BerthOptions>().Gateway.State, "apparmor")))
        .AddSingleton(options.Devices)
        .AddSingleton<CdiRegistry>()
        .AddSingleton<BlockioClasses>()
        .AddSingleton<ResourceClasses>()
        .AddSingleton<ContainerRegistry>()
        .AddSingleton<VolumeImages>()
        .AddSingleton(static s => new CheckpointFolders(
            s.GetRequiredService<BerthOptions>().Gateway.Root, s.GetRequiredService<Cgroups>(), s.GetRequiredService<ILogger<CheckpointFolders>>()))
        .AddSingleton<CheckpointSources>()
        .AddSingleton<ContainerRestores>()
        .AddSingleton<ContainerDumps>()
        .AddSingleton<ContainerCheckpointer>()
        .AddSingleton<PodCheckpointer>()
        .AddSingleton<PodRestorer>()
        .AddSingleton<CheckpointVerbs>()
        .AddSingleton<ContainerPlanner>()
        .AddSingleton<ContainerBundle>()
        .AddSingleton<HandlerImageTable>()
        .AddSingleton<HandlerImages>()
        .AddHostedSingleton<HandlerImageRetries>()
        .AddSingleton<RootfsProvider>()
        .AddSingleton<ContainerExits>()
        .AddSingleton<ContainerTeardown>()
        .AddSingleton<ContainerCreator>()
        .AddSingleton<ContainerStarter>()
        .AddSingleton<ContainerStopper>()
        .AddSingleton<ContainerRemover>()
        .AddSingleton<ContainerExec>()
        .AddSingleton<ContainerUpdater>()
        .AddSingleton<ContainerLogs>()
        .AddSingleton<LayerWalk>(static s => s.GetRequiredService<Snapshots>().Usage)
        .AddHostedSingleton<WritableLayers>()
        .AddSingleton<ContainerUsage>()
        .AddSingleton<PodEvents>()
        .AddSingleton<CgroupDetailReader>()
        .AddHostedSingleton<MetricDetails>()
        .AddSingleton<PodSeriesReader>()
        .AddSingleton<PodPage>(static s => async cancellationToken =>
            PluginProcessText.Write(s.GetRequiredService<PluginProcessReader>()())
            + PodHandlerText.Write(s.GetRequiredService<SandboxRegistry>().List())
            + PodSeriesText.Write(await s.GetRequiredService<PodSeriesReader>().ReadAsync(cancellationToken)))
        .AddSingleton<ISandboxContainers, SandboxContainers>()
        .AddSingleton<SandboxAdoption>()
        .AddSingleton<Recovery>();

    private static void AddReload(IServiceCollection services) => services
        .AddSingleton<PodMoves>()
        .AddSingleton<Reloader>()
        .AddSingleton<IReloader>(static s => s.GetRequiredService<Reloader>())
        .AddSingleton<PluginStart>()
        .AddHostedSingleton<Probation>()
        .AddSingleton<IQuarantineRelease>(static s => s.GetRequiredService<Probation>())
        .AddHostedSingleton<ReloadLoop>();

    private static void AddStreaming(IServiceCollection services, BerthOptions options) => services
        .AddSingleton(options.Streaming)
        .AddSingleton<StreamTickets>()
        .AddSingleton<StreamingCertificate>()
        .AddSingleton<ExecSession>()
        .AddSingleton<AttachSession>()
        .AddSingleton<ConsoleServing>()
        .AddSingleton<PodDialer>()
        .AddSingleton<PortForwarder>()
        .AddSingleton<SpdyServing>()
        .AddSingleton<WebSocketServing>()
        .AddSingleton(static s => new StreamingEndpoint(
            s.GetRequiredService<StreamTickets>(),
            s.GetRequiredService<SpdyServing>(),
            s.GetRequiredService<WebSocketServing>(),
            s.GetRequiredService<ILogger<StreamingEndpoint>>()))
        .AddHostedSingleton<StreamingServer>()
        .AddSingleton<StreamingUrls>();

    private static void AddAdmin(IServiceCollection services) => services
        .AddSingleton<AdminService>()
        .AddSingleton<Doctor>()
        .AddSingleton<IDoctorCheck, HandlersCheck>()
        .AddSingleton<IDoctorCheck, CgroupCheck>()
        .AddSingleton<IDoctorCheck, MountsCheck>()
        .AddSingleton<IDoctorCheck>(static s => new NetworkCheck(() => s.GetRequiredService<CniConfiguration>().Current is { Ready: false } status ? status.Message : null))
        .AddSingleton<IDoctorCheck, PrivilegesCheck>()
        .AddSingleton<IDoctorCheck, OwedCheck>()
        .AddSingleton<ImagePull>(static s => s.GetRequiredService<ImagePuller>().Begin)
        .AddSingleton<ImageImport>(static s => async (path, name, cancellationToken) =>
        {
            var images = await s.GetRequiredService<ImageImporter>().ImportAsync(path, name, cancellationToken);
            return [.. images.Select(static i => (i.Id, i.RepoTags))];
        });

    private static IServiceCollection AddHostedSingleton<T>(this IServiceCollection services)
        where T : class, IHostedService =>
        services.AddSingleton<T>().AddSingleton<IHostedService>(static s => s.GetRequiredService<T>());
}

using Berth.Admin;
using Berth.Configuration;
using Berth.Containers;
using Berth.Cri;
using Berth.Images;
using Berth.Linux;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Reload;
using Berth.Sandboxes;
using Berth.Streaming;
using Berth.Streaming.Sessions;

namespace Berth;

/// <summary>The daemon: composed, recovered, served, ended. Pods go on without it.</summary>
public static class GatewayDaemon
{
    /// <summary>Serves until the token or SIGTERM.</summary>
    public static async Task RunAsync(BerthOptions options, CancellationToken cancellationToken)
    {
        OwnProcess.SetUmask();
        using var ownership = GatewayFolders.Take(options.Gateway);
        using var watch = DeathWatch.Begin(options.Gateway.State, PluginStore.FolderIn(options.Gateway.Root));
        using var traces = OtlpExport.Start(options.Tracing);
        var builder = WebApplication.CreateSlimBuilder();
        GatewayLogging.Configure(builder.Logging);
        builder.Services.AddSystemd();
        builder.WebHost.ListenOnUnixSocket(options.Gateway.Listen);
        builder.Services.AddSingleton(watch);
        GatewayServices.Add(builder.Services, options);
        await using var app = builder.Build();
        app.MapCri();
        app.MapGrpcService<AdminService>();

        var services = app.Services;
        GatewayMetrics.Observe(services);
        var recovery = services.GetRequiredService<Recovery>();
        recovery.Load();
        Expect(watch, services);
        await services.GetRequiredService<PluginStart>().LoadAsync(cancellationToken);

        // What lives is adopted before the first question is answered.
        services.GetRequiredService<ImageViews>().Recover();
        await services.GetRequiredService<UserNamespaceTrial>().LookAsync(cancellationToken);
        services.GetRequiredService<BlockImages>().Recover();
        services.GetRequiredService<LayerStore>().Recover();
        services.GetRequiredService<Snapshots>().Recover();
        await recovery.AdoptAsync(cancellationToken);
        await app.StartAsync(cancellationToken);
        GatewayLog.Serving(services.GetRequiredService<ILogger<GatewayStatus>>(), options.Gateway.Listen);
        await recovery.FinishAsync(services.GetRequiredService<SandboxStopper>(), cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static void Expect(DeathWatch watch, IServiceProvider services)
    {
        var (sandboxes, containers) = (services.GetRequiredService<SandboxRegistry>(), services.GetRequiredService<ContainerRegistry>());
        var (sessions, forwards) = (services.GetRequiredService<StreamingEndpoint>(), services.GetRequiredService<PortForwarder>());
        watch.Expect(() => sandboxes.Count + containers.Count + sessions.Sessions + forwards.Running);
    }
}

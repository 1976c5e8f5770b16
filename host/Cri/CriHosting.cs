using System.Net.Sockets;
using Berth.Sandboxes;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Cri;

/// <summary>How the services meet the web server.</summary>
public static class CriHosting
{
    // What kubelets and other runtimes use; a list of many pods is larger than gRPC's own 4 MiB.
    private const int MaxReceiveBytes = 16 * 1024 * 1024;

    /// <summary>
    /// Adds the two services and the interceptor, which also stands before any other gRPC service of this process.
    /// The domain's classes that they use are the caller's to add.
    /// </summary>
    /// <param name="services">The collection.</param>
    /// <param name="recorder">Gives what counts calls: by name, status code and time.</param>
    /// <param name="podOf">Gives what tells the pod that a request or a response is about.</param>
    public static IServiceCollection AddCri(
        this IServiceCollection services, Func<IServiceProvider, Action<string, string, TimeSpan>> recorder, Func<IServiceProvider, Func<object, Sandbox?>> podOf)
    {
        services.AddGrpc(static options =>
        {
            options.MaxReceiveMessageSize = MaxReceiveBytes;
            options.MaxSendMessageSize = null;
            options.Interceptors.Add<CriInterceptor>();
        });
        services.AddSingleton(provider =>
            new CriInterceptor(provider.GetRequiredService<ILogger<CriInterceptor>>(), provider.GetRequiredService<TimeProvider>(), podOf(provider), recorder(provider)));
        services.AddSingleton<SandboxVerbs>().AddSingleton<ContainerVerbs>();
        return services.AddSingleton<RuntimeService>().AddSingleton<ImageService>();
    }

    /// <summary>Serves the two services.</summary>
    public static void MapCri(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<RuntimeService>();
        endpoints.MapGrpcService<ImageService>();
    }

    /// <summary>Listens for gRPC on a Unix socket, see <see cref="UnixSocketListener"/>.</summary>
    /// <param name="web">The host's builder.</param>
    /// <param name="listen"><c>unix:///path</c>.</param>
    public static void ListenOnUnixSocket(this IWebHostBuilder web, string listen)
    {
        var path = UnixSocketListener.PathOf(listen);
        web.ConfigureKestrel(options => options.ListenUnixSocket(path, static endpoint => endpoint.Protocols = HttpProtocols.Http2));
        web.ConfigureServices(services => services
            .AddOptions<SocketTransportOptions>()
            .Configure<ILoggerFactory>((options, loggers) => options.CreateBoundListenSocket = endPoint =>
                endPoint is UnixDomainSocketEndPoint unix && unix.ToString() == path
                    ? UnixSocketListener.Bind(unix, path, loggers.CreateLogger(typeof(UnixSocketListener)))
                    : SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint)));
    }
}

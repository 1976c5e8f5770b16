using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Berth.Abstractions;
using Berth.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Berth.Streaming;

/// <summary>
/// Serves the URLs of <see cref="StreamingUrls"/> on a listener of its own; only the kubelet of this node comes to it. Pods
/// matter more than shells in them: a listener that cannot be had is a warning, and then an Exec says why it does not work.
/// </summary>
public sealed class StreamingServer(StreamingOptions options, StreamingCertificate certificate, StreamingEndpoint endpoint, ILogger<StreamingServer> log) : IHostedService, IAsyncDisposable
{
    // Sessions at a time; each has threads of nobody, some pipes and at most a few MiB.
    private const int MaxConnections = 2000;
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stopping = new();
    private WebApplication? _server;
    private string _failure = "it has not started yet";

    /// <summary>The base of the URLs.</summary>
    /// <exception cref="RuntimeException">It does not listen.</exception>
    public Uri RequireAddress() =>
        _server?.Urls.FirstOrDefault() is { } url
            ? Reachable(new Uri(url + "/"))
            : throw RuntimeException.Unavailable($"the streaming server does not listen on {options.Listen}: {_failure}; correct streaming.*");

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var server = Build(IPEndPoint.Parse(options.Listen));
        try
        {
            _ = certificate.IsWanted ? certificate.Current() : null;
            await server.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            _failure = e.Message;
            StreamingLog.NotServing(log, options.Listen, e.Message);
            await server.DisposeAsync();
            return;
        }

        _server = server;
        StreamingLog.Serving(log, RequireAddress());
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (_server is not null)
        {
            await _server.StopAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _stopping.Dispose();
    }

    private WebApplication Build(IPEndPoint address)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(address, Listen);
            kestrel.AddServerHeader = false;
            (kestrel.Limits.MaxConcurrentConnections, kestrel.Limits.MaxConcurrentUpgradedConnections) = (MaxConnections, MaxConnections);
        });
        builder.Services.AddRoutingCore();
        var server = builder.Build();
        server.UseWebSockets(new() { KeepAliveInterval = KeepAlive });
        Map<ExecTicket>(server, "exec");
        Map<AttachTicket>(server, "attach");
        Map<PortForwardTicket>(server, "portforward");
        return server;
    }

    private void Listen(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http1;
        if (certificate.IsWanted)
        {
            listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = certificate.Current(),
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                }),
            });
        }
    }

    private void Map<T>(WebApplication server, string kind)
        where T : StreamTicket =>
        server.MapMethods($"/{kind}/{{token}}", ["GET", "POST"], async (HttpContext context) =>
        {
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, context.RequestAborted);
            await endpoint.ServeAsync<T>(context, (string)context.Request.RouteValues["token"]!, stopping.Token);
        });

    // Who listens on every address is reached on this machine's own.
    private static Uri Reachable(Uri url) => url.Host switch
    {
        "0.0.0.0" => new UriBuilder(url) { Host = "127.0.0.1" }.Uri,
        "[::]" => new UriBuilder(url) { Host = "[::1]" }.Uri,
        _ => url,
    };
}

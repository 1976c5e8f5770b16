using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Configuration;
using Prometheus;

namespace Berth.Metrics;

/// <summary>Gives the series of pods in Prometheus' text form.</summary>
public delegate Task<string> PodPage(CancellationToken cancellationToken);

/// <summary>
/// Serves /metrics in Prometheus' text form and /healthz, on a listener of its own. Pods matter more than metrics: a listener
/// that cannot be had is a warning.
/// </summary>
public sealed class MetricsServer(MetricsOptions options, PodPage pods, ILogger<MetricsServer> log) : IHostedService, IAsyncDisposable
{
    private WebApplication? _server;
    private IDisposable? _adapter;

    /// <summary>Where it listens; null while it does not.</summary>
    public string? Address => _server?.Urls.FirstOrDefault();

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Listen.Length == 0)
        {
            return;
        }

        if (!IPEndPoint.TryParse(options.Listen, out var endpoint))
        {
            MetricsLog.NotServing(log, options.Listen, "it is no address of the form 127.0.0.1:9095");
            return;
        }

        var registry = Prometheus.Metrics.NewCustomRegistry();
        var server = Build(endpoint, registry, pods);
        try
        {
            await server.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            MetricsLog.NotServing(log, options.Listen, e.Message);
            await server.DisposeAsync();
            return;
        }

        _server = server;
        _adapter = MeterAdapter.StartListening(AdapterOptions(registry));
        MetricsLog.Serving(log, Address!["http://".Length..]);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _server?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _adapter?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private static WebApplication Build(IPEndPoint endpoint, CollectorRegistry registry, PodPage pods)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(endpoint);
            (kestrel.AddServerHeader, kestrel.Limits.MaxConcurrentConnections) = (false, 32);
        });
        builder.Services.AddRoutingCore();
        var server = builder.Build();
        server.MapGet("/metrics", context => WriteAsync(context.Response, registry, pods, context.RequestAborted));
        server.MapGet("/healthz", static context => context.Response.WriteAsync("ok\n", context.RequestAborted));
        return server;
    }

    private static async Task WriteAsync(HttpResponse response, CollectorRegistry registry, PodPage pods, CancellationToken cancellationToken)
    {
        // The exporter writes synchronously to small pieces; Kestrel wants one asynchronous write.
        using var text = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(text, cancellationToken);
        text.Write(Encoding.UTF8.GetBytes(await pods(cancellationToken)));
        response.ContentType = PrometheusConstants.TextContentTypeWithVersionAndEncoding;
        response.ContentLength = text.Length;
        await response.Body.WriteAsync(text.GetBuffer().AsMemory(0, (int)text.Length), cancellationToken);
    }

    // Beside our own instruments those of the runtime: heap, pool, exceptions.
    private static MeterAdapterOptions AdapterOptions(CollectorRegistry registry) => new()
    {
        Registry = registry,
        MetricFactory = Prometheus.Metrics.WithCustomRegistry(registry),
        // A series that nobody touches goes; the labels are few, so as late as the library lets it.
        MetricsExpireAfter = TimeSpan.FromDays(1),
        InstrumentFilterPredicate = static i => i.Meter.Name is BerthMetrics.MeterName or "System.Runtime",
        ResolveHistogramBuckets = static i =>
            i is System.Diagnostics.Metrics.Histogram<double> { Advice.HistogramBucketBoundaries: { } boundaries } ? [.. boundaries] : MeterAdapterOptions.DefaultHistogramBuckets,
    };
}

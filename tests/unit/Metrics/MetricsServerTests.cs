using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Berth.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Berth.Tests.Unit.Metrics;

public sealed class MetricsServerTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly HttpClient _client = new();

    public void Dispose()
    {
        _client.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task Scrape_EveryInstrument_IsInTheText()
    {
        await using var server = new MetricsServer(new() { Listen = "127.0.0.1:0" }, static _ => Task.FromResult("# TYPE container_processes gauge\n"), NullLogger<MetricsServer>.Instance);
        await server.StartAsync(default);
        using var metrics = new BerthMetrics(_services.GetRequiredService<IMeterFactory>(), TimeProvider.System);
        metrics.ObservePods(static () => [new("ready", "runc", 3)]);
        metrics.ObserveContainers(static () => [new("running", "runc", 5), new("exited", "crun", 1)]);
        metrics.ObserveOwedRemovals(static () => 2);
        metrics.Rpc("RunPodSandbox", "OK", TimeSpan.FromMilliseconds(5));
        metrics.PodStartStage(TimeProvider.System.GetTimestamp(), "cni", "runc");
        metrics.PullStop(metrics.PullStart(), "Unavailable");
        metrics.Pulled(1000);
        metrics.HandlerCall("runc", "CreateContainer", "ok", TimeSpan.FromMilliseconds(5), isFault: true);

        var text = await _client.GetStringAsync($"{server.Address}/metrics");

        Assert.Contains("berth_pods{handler=\"runc\",state=\"ready\"} 3", text, StringComparison.Ordinal);
        Assert.Contains("berth_containers{handler=\"crun\",state=\"exited\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("berth_owed_removals 2", text, StringComparison.Ordinal);
        Assert.Contains("berth_rpc_duration_seconds_count{code=\"OK\",method=\"RunPodSandbox\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("berth_pod_start_stage_duration_seconds_bucket{handler=\"runc\",stage=\"cni\",le=\"120\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("berth_image_pulled_bytes_total 1000", text, StringComparison.Ordinal);
        Assert.Contains("berth_handler_faults_total{handler=\"runc\",verb=\"CreateContainer\"} 1", text, StringComparison.Ordinal);
        Assert.EndsWith("# TYPE container_processes gauge\n", text, StringComparison.Ordinal);
        Assert.Equal("ok\n", await _client.GetStringAsync($"{server.Address}/healthz"));
        await server.StopAsync(default);
    }

    [Fact]
    public async Task Start_PortIsBusy_IsNoFailure()
    {
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        await using var server = new MetricsServer(new() { Listen = other.LocalEndpoint.ToString()! }, static _ => Task.FromResult("# TYPE container_processes gauge\n"), NullLogger<MetricsServer>.Instance);

        await server.StartAsync(default);

        Assert.Null(server.Address);
        await server.StopAsync(default);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense:port")]
    [InlineData("203.0.113.77:1")]
    public async Task Start_NoListener_ServesNone(string listen)
    {
        await using var server = new MetricsServer(new() { Listen = listen }, static _ => Task.FromResult("# TYPE container_processes gauge\n"), NullLogger<MetricsServer>.Instance);

        await server.StartAsync(default);

        Assert.Null(server.Address);
    }
}

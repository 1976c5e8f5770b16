using System.Text.Json.Nodes;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Which handler ran a pod, and why: told by traces, metrics and verbose answers.</summary>
public sealed class TraceTests(Suite suite)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task APod_IsOneTraceForEachRpc_WithItsStagesAndCalls()
    {
        const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await using var receiver = await TraceReceiver.StartAsync(grpc: true);
        await using var gateway = await suite.OwnGatewayAsync(settings => settings["tracing"] = new JsonObject { ["endpoint"] = receiver.Address.ToString() });
        var config = Requests.Pod();
        var run = await gateway.Client.Runtime.RunPodSandboxAsync(
            new() { Config = config }, new Metadata { { "traceparent", $"00-{Trace}-00f067aa0ba902b7-01" } });
        var id = run.PodSandboxId;

        await PageSaysAsync(gateway, $"berth_pod_handler{{namespace=\"tests\",pod=\"pod\",id=\"{id}\",handler=\"runc\",plugin=\"oci\"");
        await PageSaysAsync(gateway, "berth_handler_selections_total{by=\"default\",handler=\"runc\",result=\"ok\"} 1");
        await gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
        await Wait.ForAsync(() => receiver.Spans.Any(static s => s.Name == "RemovePodSandbox"), Patience);

        var spans = receiver.Spans.Where(static s => s.Trace == Trace).ToList();
        var root = Assert.Single(spans, static s => s.Name == "RunPodSandbox");
        Assert.Equal(("00f067aa0ba902b7", "runc", "default"), (root.Parent, root.Tags["berth.handler"], root.Tags["berth.handler.reason"]));
        Assert.All(spans.Where(s => s != root), s => Assert.Equal(root.Id, s.Parent));
        Assert.All(
            ["namespaces", "network", "handler", "oci PrepareSandbox", "oci StartSandbox", "CNI ADD bridge"],
            name => Assert.Contains(spans, s => s.Name == name && s.Start >= root.Start && s.End <= root.End && s.Status == 0));
        var stop = receiver.Spans.Single(static s => s.Name == "StopPodSandbox");
        Assert.NotEqual(Trace, stop.Trace);
        Assert.Contains(receiver.Spans, s => s.Trace == stop.Trace && s.Name == "CNI DEL bridge" && s.Parent == stop.Id);
    }

    private static async Task PageSaysAsync(Gateway gateway, string line)
    {
        using var client = new HttpClient();
        await Wait.ForAsync(() => client.GetStringAsync(gateway.Metrics), page => page.Contains(line, StringComparison.Ordinal), Patience);
    }
}

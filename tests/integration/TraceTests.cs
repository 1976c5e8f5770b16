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
        var create = Requests.Script("c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        var container = (await gateway.Client.Runtime.CreateContainerAsync(new() { PodSandboxId = id, Config = Requests.In(config, create), SandboxConfig = config })).ContainerId;
        await gateway.Client.Runtime.StartContainerAsync(new() { ContainerId = container });
        await gateway.Client.Runtime.ExecSyncAsync(new() { ContainerId = container, Cmd = { "true" }, Timeout = 30 });
        await gateway.Client.Runtime.ContainerStatusAsync(new() { ContainerId = container });
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = container, Timeout = 20 });
        await gateway.Client.Runtime.RemoveContainerAsync(new() { ContainerId = container });
        await gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
        await Wait.ForAsync(() => receiver.Spans.Any(static s => s.Name == "RemovePodSandbox"), Patience);

        var spans = receiver.Spans.Where(static s => s.Trace == Trace).ToList();
        var root = Assert.Single(spans, static s => s.Name == "RunPodSandbox");
        Assert.Equal("00f067aa0ba902b7", root.Parent);
        Assert.All(spans.Where(s => s != root), s => Assert.Equal(root.Id, s.Parent));
        Assert.All(
            ["namespaces", "network", "handler", "oci PrepareSandbox", "oci StartSandbox", "CNI ADD bridge"],
            name => Assert.Contains(spans, s => s.Name == name && s.Start >= root.Start && s.End <= root.End && s.Status == 0));
        Assert.NotEqual(Trace, receiver.Spans.Single(static s => s.Name == "StopPodSandbox").Trace);

        // Each call about the pod says which handler it has and why, and has its stages, with what was called in each beneath it.
        HasStages(receiver, "CreateContainer", ["rootfs", "create", "oci CreateContainer"]);
        HasStages(receiver, "StartContainer", ["start"], ("start", "oci Start"));
        HasStages(receiver, "ExecSync", ["prepare", "run"], ("prepare", "oci Exec"), ("run", "oci Start"));
        HasStages(receiver, "ContainerStatus", []);
        HasStages(receiver, "StopContainer", ["grace"], ("grace", "oci Signal"));
        HasStages(receiver, "RemoveContainer", ["handler", "rootfs"], ("handler", "oci DestroyContainer"));
        HasStages(receiver, "StopPodSandbox", ["kill", "handler", "network"], ("handler", "oci DestroySandbox"), ("network", "CNI DEL bridge"));
        HasStages(receiver, "RemovePodSandbox", ["containers", "cgroups", "files"]);

        // And so do the lines of the log.
        var log = gateway.Log;
        Assert.Contains($"sandbox {id} of pod tests/pod: handler runc, default; plugin oci ", log, StringComparison.Ordinal);
        Assert.Contains($"container {container} on runc ended with 7 (Error)", log, StringComparison.Ordinal);
        Assert.All(
            ["RunPodSandbox tests/pod", $"StartContainer {container}", $"StopContainer {container}", $"RemoveContainer {container}", $"RemovePodSandbox {id}"],
            line => Assert.Contains($"{line} on runc done in ", log, StringComparison.Ordinal));
    }

    private static void HasStages(TraceReceiver receiver, string rpc, string[] stages, params (string Stage, string Call)[] calls)
    {
        var root = receiver.Spans.Single(s => s.Name == rpc);
        Assert.Equal(("runc", "default"), (root.Tags.GetValueOrDefault("berth.handler"), root.Tags.GetValueOrDefault("berth.handler.reason")));
        var spans = receiver.Spans.Where(s => s.Trace == root.Trace).ToList();
        Assert.All(stages, stage => Assert.Contains(spans, s => s.Name == stage && s.Parent == root.Id && s.Start >= root.Start && s.End <= root.End));
        Assert.All(calls, call => Assert.Contains(spans, s => s.Name == call.Call && spans.Exists(p => p.Id == s.Parent && p.Name == call.Stage)));
    }

    private static async Task PageSaysAsync(Gateway gateway, string line)
    {
        using var client = new HttpClient();
        await Wait.ForAsync(() => client.GetStringAsync(gateway.Metrics), page => page.Contains(line, StringComparison.Ordinal), Patience);
    }
}

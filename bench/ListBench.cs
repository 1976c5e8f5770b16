using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;

namespace Berth.Bench;

/// <summary>What a kubelet asks for every second or every ten, on a node with many containers.</summary>
internal static class ListBench
{
    public const string Pods = "ListPodSandbox", Containers = "ListContainers", Stats = "ListContainerStats", PodStats = "ListPodSandboxStats",
        Metrics = "ListPodSandboxMetrics", Images = "ListImages";

    private const int PerPod = 10;
    private const int Times = 15;

    /// <summary>Fills the node, asks, and empties it.</summary>
    public static async Task MeasureAsync(Peer peer, int containers, Timings timings)
    {
        var pods = new List<string>();
        try
        {
            for (var made = 0; made < containers; made += PerPod)
            {
                pods.Add(await FillAsync(peer, Math.Min(PerPod, containers - made)));
            }

            var runtime = peer.Client.Runtime;
            for (var i = 0; i < Times; i++)
            {
                await timings.MeasureAsync(Pods, () => runtime.ListPodSandboxAsync(new()).ResponseAsync);
                await timings.MeasureAsync(Containers, () => runtime.ListContainersAsync(new()).ResponseAsync);
                await timings.MeasureAsync(Stats, () => runtime.ListContainerStatsAsync(new()).ResponseAsync);
                await timings.MeasureAsync(PodStats, () => runtime.ListPodSandboxStatsAsync(new()).ResponseAsync);
                await timings.MeasureAsync(Images, () => peer.Client.Images.ListImagesAsync(new()).ResponseAsync);
                await MeasureMetricsAsync(peer, timings);
                // As a kubelet does it: a list that asks again at once would be answered from what the first has read.
                await Task.Delay(TimeSpan.FromSeconds(1.1));
            }
        }
        finally
        {
            foreach (var pod in pods)
            {
                await PodBench.StopAsync(peer, pod, new Timings());
            }
        }
    }

    private static async Task MeasureMetricsAsync(Peer peer, Timings timings)
    {
        try
        {
            await timings.MeasureAsync(Metrics, () => peer.Client.Runtime.ListPodSandboxMetricsAsync(new()).ResponseAsync);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            return; // an older peer; the report leaves it out
        }
    }

    private static async Task<string> FillAsync(Peer peer, int containers)
    {
        var config = PodBench.Config(peer);
        var pod = (await peer.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = peer.Handler })).PodSandboxId;
        for (var i = 0; i < containers; i++)
        {
            var request = new CreateContainerRequest { PodSandboxId = pod, Config = Requests.Idle($"idle-{i}"), SandboxConfig = config };
            var container = (await peer.Client.Runtime.CreateContainerAsync(request)).ContainerId;
            await peer.Client.Runtime.StartContainerAsync(new() { ContainerId = container });
        }

        return pod;
    }
}

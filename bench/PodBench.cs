using System.Diagnostics;
using Berth.Cri.Protos;
using Berth.Tests.Support;

namespace Berth.Bench;

/// <summary>A pod's life as a kubelet drives it, step by step and several at once.</summary>
internal static class PodBench
{
    public const string Run = "RunPodSandbox", Create = "CreateContainer", Start = "StartContainer", Exec = "ExecSync true",
        Stop = "StopPodSandbox", Remove = "RemovePodSandbox", Up = "run + create + start", Down = "stop + remove", Parallel = "a pod, several at once";

    /// <summary>One pod from start to end.</summary>
    public static async Task OneAsync(Peer peer, Timings timings)
    {
        var config = Config(peer);
        var begin = Stopwatch.GetTimestamp();
        var pod = (await timings.MeasureAsync(Run, () => peer.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = peer.Handler }).ResponseAsync)).PodSandboxId;
        var container = (await timings.MeasureAsync(Create, () => peer.Client.Runtime.CreateContainerAsync(new() { PodSandboxId = pod, Config = Requests.Idle(), SandboxConfig = config }).ResponseAsync)).ContainerId;
        await timings.MeasureAsync(Start, () => peer.Client.Runtime.StartContainerAsync(new() { ContainerId = container }).ResponseAsync);
        timings.Add(Up, Stopwatch.GetElapsedTime(begin).TotalMilliseconds);

        for (var i = 0; i < 3; i++)
        {
            await timings.MeasureAsync(Exec, () => peer.Client.Runtime.ExecSyncAsync(new() { ContainerId = container, Cmd = { "true" }, Timeout = 10 }).ResponseAsync);
        }

        await StopAsync(peer, pod, timings);
    }

    /// <summary>Many pods, several at a time: the time of all, per pod.</summary>
    public static async Task ManyAsync(Peer peer, int pods, int atOnce, Timings timings)
    {
        var ids = new List<string>();
        using var slots = new SemaphoreSlim(atOnce);
        var begin = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, pods).Select(async _ =>
        {
            await slots.WaitAsync();
            try
            {
                var id = await StartAsync(peer);
                lock (ids)
                {
                    ids.Add(id);
                }
            }
            finally
            {
                slots.Release();
            }
        }));
        timings.Add(Parallel, Stopwatch.GetElapsedTime(begin).TotalMilliseconds / pods);
        foreach (var id in ids)
        {
            await StopAsync(peer, id, new Timings());
        }
    }

    /// <summary>Starts a pod that stays.</summary>
    public static async Task<string> StartAsync(Peer peer)
    {
        var config = Config(peer);
        var pod = (await peer.Client.Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = peer.Handler })).PodSandboxId;
        var container = (await peer.Client.Runtime.CreateContainerAsync(new() { PodSandboxId = pod, Config = Requests.Idle(), SandboxConfig = config })).ContainerId;
        await peer.Client.Runtime.StartContainerAsync(new() { ContainerId = container });
        return pod;
    }

    public static async Task StopAsync(Peer peer, string pod, Timings timings)
    {
        var begin = Stopwatch.GetTimestamp();
        await timings.MeasureAsync(Stop, () => peer.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod }).ResponseAsync);
        await timings.MeasureAsync(Remove, () => peer.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod }).ResponseAsync);
        timings.Add(Down, Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
    }

    /// <summary>A pod of this peer.</summary>
    public static PodSandboxConfig Config(Peer peer)
    {
        var config = Requests.Pod("bench", peer.Cgroups);
        config.LogDirectory = Directory.CreateDirectory(Path.Combine(peer.Logs, config.Metadata.Uid)).FullName;
        return config;
    }
}

using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A plugin whose every call hangs slows no pod of another, and no list.</summary>
public sealed class HungHandlerTests(RestartedGateway restarted) : IClassFixture<RestartedGateway>
{
    private const int SigKill = 9;

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly List<(string Verb, Task Call)> _hung = [];
    private readonly Dictionary<string, PodSandboxConfig> _configs = [];

    private Gateway Gateway => restarted.Gateway;

    private RuntimeService.RuntimeServiceClient Runtime => Gateway.Client.Runtime;

    [Theory]
    [InlineData("process")]
    [InlineData("in-process")]
    public async Task EveryVerbHangs_OthersAreServed(string isolation)
    {
        var deeds = new Dictionary<string, string> { ["obeys"] = "obeys", ["never-checked"] = "hangs-in-its-check", ["never-lists"] = "hangs-in-its-list", ["never-prepares"] = "hangs-in-its-images" };
        foreach (var left in deeds.Keys.Select(h => Path.Combine(Gateway.State, "h", h)).Where(Directory.Exists).SelectMany(Directory.EnumerateFiles))
        {
            File.Delete(left); // of the other isolation
        }

        HostilePlugins.Write(Gateway.PluginFolder, "stuck", deeds, isolation: isolation);
        await Gateway.Client.Admin.ReloadAsync(new());
        Assert.Equal((true, ""), await Gateway.HandlerAsync("obeys"));

        foreach (var verb in new[] { "prepare", "start-sandbox", "info" })
        {
            Hang(verb, () => RunAsync(verb));
        }

        foreach (var (verb, call) in OfPods())
        {
            var pod = await RunAsync(verb);
            Hang(verb, () => call(pod));
        }

        foreach (var (verb, call) in OfContainers())
        {
            var pod = await RunAsync(verb);
            var container = await CreateAsync(pod);
            if (verb != "start")
            {
                await Runtime.StartContainerAsync(new() { ContainerId = container });
            }

            Hang(verb, () => call(container));
        }

        var prepares = await RunAsync("its-images", "never-prepares");
        Hang("its-images", () => CreateAsync(prepares));
        await RunAsync("restore");
        await Wait.ForAsync(() => _hung.TrueForAll(h => Hangs(h.Verb, h.Verb == "its-images" ? "never-prepares" : "obeys")), Soon);

        await OthersAsync();

        // On a machine that is busy enough the shortest deadlines have come meanwhile.
        Assert.All(_hung, static h => Assert.True(
            !h.Call.IsCompleted || h.Call.Exception?.InnerException is { } e && e.Message.Contains("gave no answer to", StringComparison.Ordinal), $"{h.Verb} does not hang: {h.Call.Exception}"));
        await EndAsync(isolation);
    }

    private IEnumerable<(string, Func<string, Task>)> OfPods() =>
    [
        ("create", CreateAsync),
        ("open-port", ForwardAsync),
        ("destroy", async pod => await Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod })),
    ];

    private IEnumerable<(string, Func<string, Task>)> OfContainers() =>
    [
        ("start", async container => await Runtime.StartContainerAsync(new() { ContainerId = container })),
        ("exec", async container => await Runtime.ExecSyncAsync(new() { ContainerId = container, Cmd = { "true" } })),
        ("attach", async container => await AttachAsync(container)),
        ("checkpoint", async container => await Runtime.CheckpointContainerAsync(new() { ContainerId = container, Location = Path.Combine(Gateway.Logs, "checkpoint.tar") })),
        ("update", async container => await Runtime.UpdateContainerResourcesAsync(new() { ContainerId = container, Linux = new() { CpuShares = 100 } })),
        ("reopen-log", async container => await Runtime.ReopenContainerLogAsync(new() { ContainerId = container })),
        ("signal", async container => await Runtime.StopContainerAsync(new() { ContainerId = container, Timeout = 1 })),
        ("destroy-container", async container => await Runtime.RemoveContainerAsync(new() { ContainerId = container })),
    ];

    private async Task OthersAsync()
    {
        await using var pod = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, "runc");
        var id = await pod.StartAsync(Requests.Idle());
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
        Assert.Contains((await Runtime.ListPodSandboxAsync(new())).Items, p => p.Id == pod.Id);
        Assert.Contains((await Runtime.ListContainersAsync(new())).Containers, c => c.Id == id);
        Assert.Contains((await Runtime.ListPodSandboxStatsAsync(new())).Stats, s => s.Attributes.Id == pod.Id);
        Assert.Contains((await Runtime.ListContainerStatsAsync(new())).Stats, s => s.Attributes.Id == id);
        Assert.Contains((await Runtime.ListPodSandboxMetricsAsync(new())).PodMetrics, m => m.PodSandboxId == pod.Id);
        Assert.True((await Runtime.StatusAsync(new() { Verbose = true })).Status.Conditions.Single(static c => c.Type == "RuntimeReady").Status);
        Assert.False((await Gateway.HandlerAsync("never-checked")).Ready);
        foreach (var hung in (await Gateway.Client.Admin.ListPodsAsync(new())).Pods.Where(static p => p.Handler != "runc"))
        {
            Assert.Equal(hung.Id, (await Runtime.PodSandboxStatusAsync(new() { PodSandboxId = hung.Id, Verbose = true })).Status.Id);
        }

        await Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal(0, (await pod.StatusAsync(id)).ExitCode);
    }

    private async Task EndAsync(string isolation)
    {
        if (isolation == "process")
        {
            PidFd.TryOpen(Assert.Single(Gateway.PluginProcesses))!.Signal(SigKill);
        }
        else
        {
            await Gateway.KillAsync();
        }

        foreach (var (_, call) in _hung)
        {
            // Some removals get along with a plugin that ends; nothing waits for ever.
            await ((Task)call.WaitAsync(Soon, TestContext.Current.CancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Assert.True(call.IsCompleted);
        }

        if (isolation == "in-process")
        {
            // At a start, the pods that a handler does not take over and the strays that it does not tell keep nobody waiting.
            File.Delete(Path.Combine(Gateway.State, "h/obeys/hangs-in-restore"));
            await Gateway.StartAgainAsync();
            await Wait.ForAsync(() => Hangs("restore", "obeys") && Hangs("its-list", "never-lists"), Soon);
            await OthersAsync();
        }

        foreach (var handler in (string[])["obeys", "never-lists", "never-prepares"])
        {
            File.WriteAllText(Path.Combine(Gateway.State, "h", handler, "lets-go"), "");
        }

        await Wait.ForAsync(RemovedAsync, static removed => removed, Soon);
        Directory.Delete(Path.Combine(Gateway.PluginFolder, "stuck"), recursive: true);
        await Gateway.Client.Admin.ReloadAsync(new());
    }

    private async Task<bool> RemovedAsync()
    {
        try
        {
            await Gateway.RemovePodsAsync();
            return true;
        }
        catch (RpcException)
        {
            return false; // the plugin's process has just begun
        }
    }

    private bool Hangs(string verb, string handler) => File.Exists(Path.Combine(Gateway.State, "h", handler, $"hangs-in-{verb}"));

    private async Task ForwardAsync(string pod)
    {
        await using var client = await ChannelClient.ConnectAsync((await Runtime.PortForwardAsync(new() { PodSandboxId = pod, Port = { 80 } })).Url, "v4.channel.k8s.io");
        await client.ReadToEndAsync();
        throw new InvalidOperationException(client.Text(1));
    }

    private async Task AttachAsync(string container)
    {
        await using var client = await ChannelClient.ConnectAsync((await Runtime.AttachAsync(new() { ContainerId = container, Stdout = true })).Url, "v4.channel.k8s.io");
        await client.ReadToEndAsync();
    }

    private void Hang(string verb, Func<Task> call) => _hung.Add((verb, Task.Run(call)));

    private async Task<string> RunAsync(string verb, string handler = "obeys")
    {
        var config = Requests.Pod($"hangs-in-{verb}");
        config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        config.LogDirectory = Directory.CreateDirectory(Path.Combine(Gateway.Logs, config.Metadata.Uid)).FullName;
        var id = (await Runtime.RunPodSandboxAsync(new() { Config = config, RuntimeHandler = handler })).PodSandboxId;
        _configs[id] = config;
        return id;
    }

    private async Task<string> CreateAsync(string pod) =>
        (await Runtime.CreateContainerAsync(new() { PodSandboxId = pod, Config = Requests.In(_configs[pod], Requests.Idle()), SandboxConfig = _configs[pod] })).ContainerId;
}

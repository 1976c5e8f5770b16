using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Usage of whole pods: the figures that a kubelet otherwise takes from cAdvisor.</summary>
public sealed class PodStatsTests(Suite suite)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task PodStats_OfABusyPod_AreCounted(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("busy", "while :; do :; done"));
        var stats = await Wait.ForAsync(
            async () => (await suite.Client.Runtime.PodSandboxStatsAsync(new() { PodSandboxId = pod.Id })).Stats,
            static s => s.Linux.Cpu?.UsageNanoCores?.Value > 0 && s.Linux.Containers.Count == 1 && s.Linux.Containers[0].Cpu is not null,
            Patience);
        Assert.Equal(pod.Id, stats.Attributes.Id);
        Assert.True(stats.Linux.Cpu.UsageCoreNanoSeconds.Value > 0);
        Assert.True(stats.Linux.Memory.WorkingSetBytes.Value > 0);
        Assert.True(stats.Linux.Process.ProcessCount.Value >= 1);
        Assert.Equal(id, stats.Linux.Containers[0].Attributes.Id);
        Assert.Equal("eth0", stats.Linux.Network.DefaultInterface.Name);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task PodStats_Network_CountsWhatThePodSends(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        var gateway = (await pod.ExecAsync(id, "sh", "-c", "ip route | awk '/^default/ {print $3}'")).Output.Trim();
        var before = (await NetworkAsync(pod)).DefaultInterface;
        await pod.ExecAsync(id, "ping", "-c", "3", "-i", "0.2", "-s", "1000", gateway);
        await Wait.ForAsync(
            async () => (await NetworkAsync(pod)).DefaultInterface,
            now => now.TxBytes.Value >= before.TxBytes.Value + 3000 && now.RxBytes.Value >= before.RxBytes.Value + 3000,
            Patience);
    }

    [Fact]
    public async Task PodStats_Interfaces_AreThoseBesideTheDefaultOne()
    {
        await using var pod = await suite.PodAsync();
        Assert.Empty((await NetworkAsync(pod)).Interfaces);
        var made = await CommandRunner.RunAsync(
            new Command { Path = "nsenter", Arguments = ["--net=" + suite.Gateway.NetworkNamespace(pod.Id), "ip", "link", "add", "extra0", "type", "veth", "peer", "name", "extra1"] },
            null, 4096, CancellationToken.None);
        Assert.True(made.ExitCode == 0, made.Error);
        var network = await Wait.ForAsync(() => NetworkAsync(pod), static n => n.Interfaces.Count > 0, Patience);
        Assert.Equal("eth0", network.DefaultInterface.Name);
        Assert.Equal(["extra0", "extra1"], network.Interfaces.Select(static i => i.Name).Order());
        Assert.All(network.Interfaces, static i => Assert.Equal((0ul, 0ul), (i.RxBytes.Value, i.TxErrors.Value)));
    }

    [Fact]
    public async Task PodStats_HostNetwork_HasNone()
    {
        await using var pod = await suite.PodAsync(change: static c => c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node);
        Assert.Null((await suite.Client.Runtime.PodSandboxStatsAsync(new() { PodSandboxId = pod.Id })).Stats.Linux.Network);
    }

    [Fact]
    public async Task ListPodSandboxStats_Filters_Narrow()
    {
        await using var first = await suite.PodAsync();
        await using var second = await suite.PodAsync();
        var byId = await suite.Client.Runtime.ListPodSandboxStatsAsync(new() { Filter = new() { Id = first.Id } });
        Assert.Equal(first.Id, Assert.Single(byId.Stats).Attributes.Id);
        var byLabel = await suite.Client.Runtime.ListPodSandboxStatsAsync(new() { Filter = new() { LabelSelector = { ["io.kubernetes.pod.uid"] = second.Config.Metadata.Uid } } });
        Assert.Equal(second.Id, Assert.Single(byLabel.Stats).Attributes.Id);
    }

    [Fact]
    public async Task PodStats_UnknownPod_IsNotFound() =>
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.PodSandboxStatsAsync(new() { PodSandboxId = "none" }))).StatusCode);

    [Fact]
    public async Task Metrics_OfPods_HaveTheirDescriptors()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var descriptors = (await suite.Client.Runtime.ListMetricDescriptorsAsync(new())).Descriptors.ToDictionary(static d => d.Name);
        var metrics = await Wait.ForAsync(
            async () => (await suite.Client.Runtime.ListPodSandboxMetricsAsync(new())).PodMetrics.FirstOrDefault(m => m.PodSandboxId == pod.Id),
            m => m?.ContainerMetrics.Any(c => c.ContainerId == id) == true,
            Patience);
        var all = metrics!.Metrics.Concat(metrics.ContainerMetrics.SelectMany(static c => c.Metrics)).ToList();
        Assert.All(all, m => Assert.Equal(descriptors[m.Name].LabelKeys.Count, m.LabelValues.Count));
        Assert.Contains(all, static m => m.Name == "container_network_receive_bytes_total");
        // What only some kernels have, or only where something has happened, is not asked for.
        Assert.Superset(
            new HashSet<string>
            {
                "cpu_usage_seconds_total", "cpu_user_seconds_total", "cpu_system_seconds_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total", "cpu_cfs_throttled_seconds_total",
                "memory_usage_bytes", "memory_working_set_bytes", "memory_rss", "memory_cache", "memory_mapped_file", "memory_failcnt", "memory_failures_total", "oom_events_total",
                "processes", "threads", "threads_max", "file_descriptors", "sockets", "ulimits_soft",
                "spec_memory_limit_bytes", "spec_memory_swap_limit_bytes", "spec_memory_reservation_limit_bytes", "fs_limit_bytes", "fs_inodes_total", "fs_inodes_free",
            },
            metrics.ContainerMetrics[0].Metrics.Select(static m => m.Name["container_".Length..]).ToHashSet());
        Assert.Contains(metrics.ContainerMetrics[0].Metrics, static m => m.Name == "container_memory_working_set_bytes" && m.Value.Value > 0);

        using var http = new HttpClient();
        var page = await http.GetStringAsync(suite.Gateway.Metrics);
        Assert.Contains($"name=\"{id}\",namespace=\"tests\",pod=\"pod\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UpdatePodSandboxResources_OfAReadyPod_IsInItsVerboseStatus()
    {
        await using var pod = await suite.PodAsync();
        await suite.Client.Runtime.UpdatePodSandboxResourcesAsync(new() { PodSandboxId = pod.Id, Resources = new() { MemoryLimitInBytes = 123 << 20 } });
        var status = await suite.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true });
        Assert.Contains($"\"memoryLimitBytes\":{123 << 20}", status.Info["info"], StringComparison.Ordinal);

        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.UpdatePodSandboxResourcesAsync(new() { PodSandboxId = pod.Id, Resources = new() }));
        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
    }

    private async Task<NetworkUsage> NetworkAsync(TestPod pod) =>
        (await suite.Client.Runtime.PodSandboxStatsAsync(new() { PodSandboxId = pod.Id })).Stats.Linux.Network;
}

using System.Net;
using System.Text.Json;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>A pod sandbox: what it is, what its containers share, how it ends.</summary>
public sealed class PodTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_TwoContainers_TalkOverLocalhost(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        await pod.StartAsync(Requests.Script("server", "echo served > /tmp/index.html; httpd -f -p 8080 -h /tmp"));
        var client = Requests.Script("client", "for i in 1 2 3 4 5 6 7 8 9 10; do wget -q -O - http://localhost:8080/ && exit; sleep 0.2; done; exit 1");
        Assert.Equal("served", await pod.OutputAsync(client));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_Status_HasWhatKubeletsCheck(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c => c.Annotations["note"] = "kept");
        var response = await suite.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true });
        var status = response.Status;
        Assert.Matches("^[0-9a-f]{64}$", status.Id);
        Assert.Equal(pod.Config.Metadata, status.Metadata);
        Assert.Equal(PodSandboxState.SandboxReady, status.State);
        Assert.True(status.CreatedAt > 0);
        Assert.True(suite.Gateway.Network.Subnet.Contains(IPAddress.Parse(status.Network.Ip)), status.Network.Ip);
        Assert.Equal(pod.Config.Labels, status.Labels);
        Assert.Equal("kept", status.Annotations["note"]);
        Assert.Equal(handler, status.RuntimeHandler);
        Assert.NotEmpty(response.Info);
        Assert.All(response.Info.Values, static v => JsonDocument.Parse(v).Dispose());
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_Files_CarryNameAddressAndDns(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c => c.Hostname = "harbour");
        var id = await pod.StartAsync(Requests.Idle());
        Assert.Equal("harbour\n", (await pod.ExecAsync(id, "hostname")).Output);
        Assert.Equal("harbour\n", (await pod.ExecAsync(id, "cat", "/etc/hostname")).Output);
        Assert.Equal("search tests.example\nnameserver 192.0.2.53\noptions ndots:2\n", (await pod.ExecAsync(id, "cat", "/etc/resolv.conf")).Output);
        var ip = (await pod.StatusAsync()).Network.Ip;
        Assert.Contains($"{ip}\tharbour", (await pod.ExecAsync(id, "cat", "/etc/hosts")).Output, StringComparison.Ordinal);
        Assert.Contains(ip, (await pod.ExecAsync(id, "ip", "addr", "show", "eth0")).Output, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Pod_Containers_ShareShmAndMessageQueues(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var first = await pod.StartAsync(Requests.Idle("first"));
        var second = await pod.StartAsync(Requests.Idle("second"));
        await pod.ExecAsync(first, "sh", "-c", "echo shared > /dev/shm/note");
        Assert.Equal("shared\n", (await pod.ExecAsync(second, "cat", "/dev/shm/note")).Output);
        Assert.Equal((await pod.ExecAsync(first, "readlink", "/proc/self/ns/ipc")).Output, (await pod.ExecAsync(second, "readlink", "/proc/self/ns/ipc")).Output);
        Assert.NotEqual((await pod.ExecAsync(first, "readlink", "/proc/self/ns/pid")).Output, (await pod.ExecAsync(second, "readlink", "/proc/self/ns/pid")).Output);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_SharedPid_ContainersSeeEachOther(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c => c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod);
        var first = Requests.Script("first", "exec sleep 4711");
        first.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod;
        var second = Requests.Idle("second");
        second.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod;
        await pod.StartAsync(first);
        var id = await pod.StartAsync(second);
        var processes = (await pod.ExecAsync(id, "ps")).Output;
        Assert.Contains("sleep 4711", processes, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_HostNetwork_SeesTheNode(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c =>
        {
            c.Hostname = "";
            c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        });
        var container = Requests.Script("look", "readlink /proc/self/ns/net; hostname");
        container.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        var expected = $"{new FileInfo("/proc/self/ns/net").LinkTarget}\n{Environment.MachineName}";
        Assert.Equal(expected, await pod.OutputAsync(container));
        Assert.Equal("", (await pod.StatusAsync()).Network.Ip);
    }

    [Fact]
    public async Task Pod_HostPidAndIpc_AreTheNodes()
    {
        await using var pod = await suite.PodAsync("runc", static c =>
        {
            c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
            c.Linux.SecurityContext.NamespaceOptions.Ipc = NamespaceMode.Node;
        });
        var container = Requests.Script("look", "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc");
        container.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
        container.Linux.SecurityContext.NamespaceOptions.Ipc = NamespaceMode.Node;
        var expected = $"{new FileInfo("/proc/self/ns/pid").LinkTarget}\n{new FileInfo("/proc/self/ns/ipc").LinkTarget}";
        Assert.Equal(expected, await pod.OutputAsync(container));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Pod_Sysctls_AreSetInside(string handler)
    {
        await using var pod = await suite.PodAsync(handler, static c =>
        {
            c.Linux.Sysctls["net.ipv4.ip_local_port_range"] = "20000 20100";
            c.Linux.Sysctls["kernel.shm_rmid_forced"] = "1";
        });
        var output = await pod.OutputAsync(Requests.Script("look", "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced"));
        Assert.Equal("20000\t20100\n1", output);
    }

    [Fact]
    public async Task RunPodSandbox_SamePodAndAttempt_GivesTheSameId()
    {
        await using var pod = await suite.PodAsync();
        var again = await suite.Client.Runtime.RunPodSandboxAsync(new() { Config = pod.Config, RuntimeHandler = "runc" });
        Assert.Equal(pod.Id, again.PodSandboxId);
    }

    [Fact]
    public async Task RunPodSandbox_TwiceAtOnce_MakesOne()
    {
        var config = Requests.Pod();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => suite.Client.Runtime.RunPodSandboxAsync(new() { Config = config }).ResponseAsync));
        var id = Assert.Single(answers.Select(static a => a.PodSandboxId).Distinct());
        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = id });
        await suite.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = id });
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task StopPodSandbox_RunningContainers_EndsThemAndFreesTheAddress(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = await pod.StartAsync(Requests.Idle());
        var ip = (await pod.StatusAsync()).Network.Ip;
        Assert.Contains(ip, suite.Gateway.Network.Leases);
        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
        Assert.Equal(PodSandboxState.SandboxNotready, (await pod.StatusAsync()).State);
        Assert.Equal(ContainerState.ContainerExited, (await pod.StatusAsync(container)).State);
        Assert.DoesNotContain(ip, suite.Gateway.Network.Leases);
        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
    }

    [Fact]
    public async Task RemovePodSandbox_Running_RemovesAllOfIt()
    {
        await using var pod = await suite.PodAsync();
        var container = await pod.StartAsync(Requests.Idle());
        await suite.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod.Id });
        await suite.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod.Id });
        Assert.Empty((await suite.Client.Runtime.ListPodSandboxAsync(new() { Filter = new() { Id = pod.Id } })).Items);
        Assert.Empty((await suite.Client.Runtime.ListContainersAsync(new() { Filter = new() { Id = container } })).Containers);
        Assert.Empty(Directory.GetDirectories("/sys/fs/cgroup", Path.GetFileName(pod.Config.Linux.CgroupParent), new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4 }));
    }

    [Fact]
    public async Task ListPodSandbox_Filters_Narrow()
    {
        await using var first = await suite.PodAsync("runc", static c => c.Labels["app"] = "first");
        await using var second = await suite.PodAsync("runc", static c => c.Labels["app"] = "second");
        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = second.Id });

        async Task<IEnumerable<string>> ListAsync(PodSandboxFilter filter) =>
            (await suite.Client.Runtime.ListPodSandboxAsync(new() { Filter = filter })).Items.Select(static p => p.Id);
        Assert.Equal([first.Id], await ListAsync(new() { LabelSelector = { ["app"] = "first" } }));
        Assert.Equal([second.Id], await ListAsync(new() { Id = second.Id[..20] }));
        Assert.Contains(first.Id, await ListAsync(new() { State = new() { State = PodSandboxState.SandboxReady } }));
        Assert.Equal([second.Id], await ListAsync(new() { State = new() { State = PodSandboxState.SandboxNotready }, LabelSelector = { ["app"] = "second" } }));
        Assert.Empty(await ListAsync(new() { Id = "0123456789" }));
    }
}

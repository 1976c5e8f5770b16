using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What is rkt's own: the machine, what lies on disk, the flavours; and that a pod in a machine is a pod.</summary>
public sealed class RktTests(Suite suite)
{
    private const string Flavour = "rkt.berth.dev/flavour";
    private const string OldKey = "rkt.alpha.kubernetes.io/stage1-name-override";

    [Fact]
    public async Task Pod_InAMachine_HasItsAddressItsHostsAndOneLoopback()
    {
        await using var pod = await suite.PodAsync("rkt");
        var server = await pod.StartAsync(Requests.Script("server", "echo served > /tmp/index.html; exec httpd -f -p 127.0.0.1:8080 -h /tmp"));
        var answer = await pod.OutputAsync(Requests.Script("client", "until wget -q -O - http://127.0.0.1:8080/index.html; do sleep 0.1; done 2>/dev/null"));
        Assert.Equal("served", answer);
        var address = (await pod.StatusAsync()).Network.Ip;
        Assert.Contains(address, (await pod.ExecAsync(server, "ip", "addr")).Output, StringComparison.Ordinal);
        Assert.Equal("pod\n", (await pod.ExecAsync(server, "hostname")).Output);
        var machine = $"--machine=rkt-{Guid.ParseExact(pod.Id[..32], "N"):D}";
        Assert.Contains(CommandLines(), line => line.Contains(machine, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Restart_ByKill_FindsMachineAndAppsOnDisk()
    {
        await suite.RequireAsync("rkt");
        await using var gateway = await suite.OwnGatewayAsync();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "rkt");
        using var folder = new TempFolder();
        var running = await pod.StartAsync(Requests.Script("running", "trap 'exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.05 & wait; done"));
        var ending = Requests.Script("ending", "until [ -e /signal/go ]; do sleep 0.05; done; exit 9");
        ending.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/signal" });
        var ended = await pod.StartAsync(ending);

        await gateway.KillAsync();
        folder.File("go", "");
        var written = pod.Log("running.log").Count;
        await Wait.ForAsync(() => pod.Log("running.log").Count > written + 3, TimeSpan.FromSeconds(20));
        await gateway.StartAgainAsync();

        Assert.Equal(9, (await pod.ExitedAsync(ended)).ExitCode);
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(running, "echo", "alive"));
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = running, Timeout = 20 });
        var numbers = pod.Log("running.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
    }

    [Fact]
    public async Task Devices_BeyondThoseOfEveryContainer_AreDenied()
    {
        await using var pod = await suite.PodAsync("rkt");
        var container = Requests.Script("devices", "mknod /loop b 7 0 && (cat /loop > /dev/null; cat /dev/null) 2>&1");
        container.Linux.SecurityContext.Capabilities.AddCapabilities.Add("MKNOD");
        Assert.Contains("Operation not permitted", await pod.OutputAsync(container), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fly_PrivilegedOnTheHostsNetwork_HasTheHostsNamespacesAndARootOfItsOwn()
    {
        await using var pod = await suite.PodAsync("rkt", static config =>
        {
            config.Annotations[Flavour] = "fly";
            config.Linux.SecurityContext.Privileged = true;
            config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        });
        var container = Requests.Script("flying", "readlink /proc/self/ns/pid; readlink /proc/self/ns/net; [ -e /usr/lib/os-release ] || echo another root");
        container.Linux.SecurityContext.Privileged = true;
        container.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        var lines = (await pod.OutputAsync(container)).Split('\n');
        Assert.Equal(new FileInfo("/proc/self/ns/pid").LinkTarget, lines[0]);
        Assert.Equal(new FileInfo("/proc/self/ns/net").LinkTarget, lines[1]);
        Assert.Equal("another root", lines[2]);
    }

    [Fact]
    public async Task Fly_OutlivesTheGateway_RunsCommands_StopsAndGoes()
    {
        await suite.RequireAsync("rkt");
        await using var gateway = await suite.OwnGatewayAsync();
        var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "rkt", Flying);
        var container = Requests.Script("flying", "trap 'exit 5' TERM; while :; do sleep 3600 & wait; done");
        container.Linux.SecurityContext.Privileged = true;
        container.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
        var id = await pod.StartAsync(container);
        Assert.Equal((3, "out\n", "error\n"), await pod.ExecAsync(id, "sh", "-c", "echo out; echo error >&2; exit 3"));

        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal(PodSandboxState.SandboxReady, (await pod.StatusAsync()).State);
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 });
        Assert.Equal((5, "Error"), ((await pod.StatusAsync(id)).ExitCode, (await pod.StatusAsync(id)).Reason));
        await pod.DisposeAsync();
        Assert.DoesNotContain(CommandLines(), line => line.Contains(id, StringComparison.Ordinal));
        Assert.DoesNotContain(Berth.Linux.MountTable.Read(), m => m.MountPoint.Contains(id, StringComparison.Ordinal));
        Assert.Empty((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
    }

    private static void Flying(PodSandboxConfig config)
    {
        // The key and the name that rkt's own pods had.
        config.Annotations[OldKey] = "coreos.com/rkt/stage1-fly:1.30.0";
        config.Linux.SecurityContext.Privileged = true;
        config.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node;
    }

    [Theory]
    [InlineData(Flavour, "fly", "privileged")]
    [InlineData(Flavour, "kvm", "runv")]
    [InlineData(OldKey, "coreos.com/rkt/stage1-fly:1.30.0", "privileged")]
    [InlineData(OldKey, "coreos.com/rkt/stage1-kvm:1.30.0", "runv")]
    public async Task Flavour_ThatThePodMayNotHave_IsRefused(string key, string flavour, string named)
    {
        await suite.RequireAsync("rkt");
        var failure = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync("rkt", config => config.Annotations[key] = flavour));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        Assert.Contains(named, failure.Status.Detail, StringComparison.Ordinal);
    }

    private static IEnumerable<string> CommandLines() => Directory.GetDirectories("/proc")
        .Where(static p => char.IsAsciiDigit(Path.GetFileName(p)[0]))
        .Select(static p =>
        {
            try
            {
                return File.ReadAllText(Path.Combine(p, "cmdline"));
            }
            catch (IOException)
            {
                return "";
            }
        });
}

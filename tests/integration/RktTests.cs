using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What is rkt's own: the machine, what lies on disk, the flavours; and that a pod in a machine is a pod.</summary>
public sealed class RktTests(Suite suite)
{
    private const string Flavour = "rkt.berth.dev/flavour";

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

    [Theory]
    [InlineData("fly", "privileged")]
    [InlineData("kvm", "runv")]
    public async Task Flavour_ThatThePodMayNotHave_IsRefused(string flavour, string named)
    {
        await suite.RequireAsync("rkt");
        var failure = await Assert.ThrowsAsync<RpcException>(() => suite.PodAsync("rkt", config => config.Annotations[Flavour] = flavour));
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

using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Pods on a real Docker Engine through the real gateway.</summary>
public sealed class DockerTests(Suite suite)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Pod_OnDocker_SharesLocalhostAndHasItsAddressAndLimits()
    {
        await using var pod = await suite.PodAsync("docker");
        var address = (await pod.StatusAsync()).Network.Ip;
        Assert.True(suite.Gateway.Network.Subnet.Contains(System.Net.IPAddress.Parse(address)));

        await pod.StartAsync(Requests.Script("server", "while :; do nc -l -p 8080 -e echo served; done"));
        var client = await pod.StartAsync(Requests.Script("client", "until nc 127.0.0.1 8080 < /dev/null; do sleep 0.05; done; trap 'exit 0' TERM; while :; do sleep 1; done"));
        await Wait.ForAsync(() => pod.Log("client.log").Any(static l => l.Text == "served"), Limit);
        var (code, output, error) = await pod.ExecAsync(client, "/bin/sh", "-c", "ip addr show eth0; hostname; cat /etc/hosts; echo problem >&2; exit 7");
        Assert.Equal((7, "problem\n"), (code, error));
        Assert.Contains(address + "/", output);
        Assert.Contains("pod\n", output);

        var limited = Requests.Script("limited", "exit 0");
        limited.Linux.Resources.MemoryLimitInBytes = 16 << 20;
        limited.Command.Clear();
        limited.Command.Add(["tail", "-c", "200m", "/dev/zero"]);
        var killed = await pod.RunToEndAsync(limited);
        Assert.Equal((137, "OOMKilled"), (killed.ExitCode, killed.Reason));
        var three = await pod.RunToEndAsync(Requests.Script("three", "exit 3"));
        Assert.Equal((3, "Error"), (three.ExitCode, three.Reason));

        var names = await suite.Engine!.NamesAsync();
        var uid = pod.Config.Metadata.Uid;
        Assert.Contains($"k8s_POD_pod_tests_{uid}_0", names);
        Assert.Contains($"k8s_server_pod_tests_{uid}_0", names);
    }

    // Its Engine is killed and takes its containers back, which on a busy machine takes it longer than a removal may take.
    [Fact(Explicit = true)]
    public async Task Pod_OnDocker_OutlivesTheGatewayAndTheEngine()
    {
        await using var engine = await StartEngineAsync();
        await using var gateway = await GatewayAsync(engine);
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "docker");
        using var folder = new TempFolder();
        var running = await pod.StartAsync(Requests.Script("running", "trap 'exit 0' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.02 & wait; done"));
        var ending = Requests.Script("ending", "until [ -e /signal/go ]; do sleep 0.05; done; echo last; exit 9");
        ending.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/signal" });
        var ended = await pod.StartAsync(ending);
        await Wait.ForAsync(() => pod.Log("running.log").Count > 20, Limit);

        await gateway.KillAsync();
        folder.File("go", "");
        await Wait.ForAsync(async () => await engine.StatesAsync(), static s => s.Any(static c => c is { Name: "ending", State: "exited" }), Limit);
        await gateway.StartAgainAsync();
        var exit = await pod.ExitedAsync(ended);
        Assert.Equal((9, "Error"), (exit.ExitCode, exit.Reason));
        Assert.Equal(["last"], pod.Log("ending.log").Select(static l => l.Text));

        await engine.KillAsync();
        await engine.LaunchAsync();
        Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(running)).State);
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(running, "echo", "alive"));

        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = running, Timeout = 20 });
        Assert.Equal((0, "Completed"), ((await pod.StatusAsync(running)).ExitCode, (await pod.StatusAsync(running)).Reason));
        var numbers = pod.Log("running.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
    }

    [Fact]
    public async Task Image_OfTwoContainers_IsHandedOverOnce_Counted_AndNotAskedForAgain()
    {
        await suite.RequireAsync("docker");
        // Of its own, so that nobody has handed it over yet.
        var image = new TestImage([suite.Base], new() { ["Env"] = new JsonArray("PATH=/bin", "HANDED=over") });
        var reference = await suite.Registry.PushAsync("handed", "over", image);
        await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        var counted = await EngineBytesAsync();
        var asked = Asked();
        Assert.True(asked > 0);

        await using var pod = await suite.PodAsync("docker");
        foreach (var name in (string[])["first", "second"])
        {
            var container = Requests.Script(name, "echo $HANDED");
            container.Image.Image = reference;
            Assert.Equal("over", await pod.OutputAsync(container));
        }

        Assert.Single(await suite.Engine!.ImagesAsync(), i => i.Contains(image.Id.Split(':')[1], StringComparison.Ordinal));
        Assert.Equal(asked, Asked());
        await Wait.ForAsync(EngineBytesAsync, bytes => bytes > counted, Limit);

        int Asked() => suite.Registry.Log.Split('\n').Count(static l => l.Contains("/v2/handed/", StringComparison.Ordinal));

        // Ours is the first; copies in runtimes' own stores come behind it.
        async Task<decimal> EngineBytesAsync() => (await suite.Client.Images.ImageFsInfoAsync(new())).ImageFilesystems.Skip(1).Sum(static f => (decimal)f.UsedBytes.Value);
    }

    [Fact]
    public async Task Holder_IsInThePodsOverhead()
    {
        Assert.SkipWhen(TestCgroups.Driver == Berth.Abstractions.CgroupDriver.Systemd, "with systemd the Engine takes a slice alone, and the overhead is a cgroup in it");
        await using var pod = await suite.PodAsync("docker");
        var info = JsonNode.Parse((await suite.Client.Runtime.PodSandboxStatusAsync(new() { PodSandboxId = pod.Id, Verbose = true })).Info["info"])!;
        var helpers = new Cgroups(CgroupLayout.Detect()).Pids(info["cgroup"]!["overheadPath"]!.GetValue<string>());
        Assert.Equal("/init\0-P\0", File.ReadAllText($"/proc/{Assert.Single(helpers)}/cmdline"));
    }

    [Fact]
    public async Task Image_RemovedFromTheGateway_LeavesTheEngineToo()
    {
        await using var engine = await StartEngineAsync();
        await using var gateway = await GatewayAsync(engine);
        await using (var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "docker"))
        {
            Assert.Equal("once", await pod.OutputAsync(Requests.Script("once", "echo once")));
            Assert.Contains(await engine.ImagesAsync(), static i => !i.Contains("holder", StringComparison.Ordinal));
        }

        await gateway.Client.Images.RemoveImageAsync(new() { Image = new() { Image = Cli.Up.SampleImage.Name } });
        await Wait.ForAsync(async () => await engine.ImagesAsync(), static all => all.All(static i => i.Contains("holder", StringComparison.Ordinal)), TimeSpan.FromSeconds(90));
    }

    private static async Task<DockerEngine> StartEngineAsync()
    {
        Assert.SkipUnless(DockerEngine.IsInstalled, "the packages docker.io and containerd are missing: ./test unpacks them");
        return await DockerEngine.StartAsync();
    }

    private Task<Gateway> GatewayAsync(DockerEngine engine) => suite.OwnGatewayAsync(settings => settings["handlers"] = Suite.Docker(engine.Endpoint));
}

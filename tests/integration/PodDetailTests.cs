using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Names, DNS, files, attempts, input and signals, as kubelets ask for them.</summary>
public sealed class PodDetailTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Hostname_Fqdn_IsTheNameAndHasAShortOneInHosts(string handler)
    {
        var name = new string('h', 40) + ".web.shop.svc.cluster.a";
        await using var pod = await suite.PodAsync(handler, change: c =>
        {
            c.Hostname = name + "b";
            c.DnsConfig = new();
        });
        var output = await pod.OutputAsync(Requests.Script("look", "hostname; cat /etc/hostname; wc -c < /etc/resolv.conf; grep web /etc/hosts; echo $HOSTNAME"));
        var ip = (await pod.StatusAsync()).Network.Ip;
        Assert.Equal($"{name}b\n{name}b\n0\n{ip}\t{name}b\t{new string('h', 40)}\n{name}b", output);
        Assert.Equal(64, name.Length + 1);
    }

    [Fact]
    public async Task Files_OfTheNodeAndTheKubelet_AreTaken()
    {
        using var folder = new TempFolder();
        var hosts = folder.File("etc-hosts", "127.0.0.1\tlocalhost\n192.0.2.7\talias.example\n");
        await using var pod = await suite.PodAsync(change: static c => c.DnsConfig = null);
        var container = Requests.Script("look", "cat /etc/resolv.conf; echo --; cat /etc/hosts");
        container.Mounts.Add(new Mount { ContainerPath = "/etc/hosts", HostPath = hosts });
        Assert.Equal($"{await File.ReadAllTextAsync("/etc/resolv.conf")}--\n{await File.ReadAllTextAsync(hosts)}".TrimEnd('\n'), await pod.OutputAsync(container));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Attempts_OfOneContainer_AreToldApartWithTheirEnds(string handler)
    {
        using var folder = new TempFolder();
        var message = folder.File("termination", "");
        await using var pod = await suite.PodAsync(handler);

        ContainerConfig Attempt(uint number)
        {
            var container = Requests.Script("app", $"echo run {number}; echo last words {number} > /dev/termination-log; exit {number + 3}");
            container.Metadata.Attempt = number;
            container.LogPath = $"app/{number}.log";
            container.Annotations["io.kubernetes.container.restartCount"] = $"{number}";
            container.Mounts.Add(new Mount { ContainerPath = "/dev/termination-log", HostPath = message });
            container.Linux.SecurityContext.RunAsUser = new() { Value = 0 };
            container.Linux.SecurityContext.SupplementalGroups.Add(4711);
            return container;
        }

        Directory.CreateDirectory(Path.Combine(pod.Config.LogDirectory, "app"));
        for (var number = 0u; number < 2; number++)
        {
            var status = await pod.RunToEndAsync(Attempt(number));
            Assert.Equal(($"last words {number}\n", (int)number + 3, "Error"), (await File.ReadAllTextAsync(message), status.ExitCode, status.Reason));
            Assert.Equal((number, $"{number}"), (status.Metadata.Attempt, status.Annotations["io.kubernetes.container.restartCount"]));
            Assert.Equal(message, Assert.Single(status.Mounts, static m => m.ContainerPath == "/dev/termination-log").HostPath);
            Assert.Equal($"run {number}", Assert.Single(pod.Log($"app/{number}.log")).Text);
            Assert.Equal((0, 0), (status.User.Linux.Uid, status.User.Linux.Gid));
            Assert.Contains(4711, status.User.Linux.SupplementalGroups);
            var image = (await suite.Client.Images.ImageStatusAsync(new() { Image = status.Image })).Image;
            Assert.Equal((image.Id, true), (status.ImageId, status.ImageRef == image.Id || image.RepoDigests.Contains(status.ImageRef)));
        }

        var listed = (await suite.Client.Runtime.ListContainersAsync(new() { Filter = new() { PodSandboxId = pod.Id } })).Containers;
        Assert.Equal([0u, 1u], listed.Select(static c => c.Metadata.Attempt).Order());
        Assert.All(listed, static c => Assert.Equal((ContainerState.ContainerExited, "app"), (c.State, c.Metadata.Name)));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Stdin_WithoutAClient_IsOpenOrEmptyAsAsked(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var open = Requests.Script("open", "echo ready; cat; echo over");
        open.Stdin = true;
        var waiting = await pod.StartAsync(open);
        Assert.Equal("over", await pod.OutputAsync(Requests.Script("empty", "cat; echo over")));
        Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(waiting)).State);
        Assert.DoesNotContain(pod.Log("open.log"), static l => l.Text == "over");
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Stop_RealTimeSignal_ByRequestNameAndNumber_IsSent(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var images = new[] { "SIGRTMIN+3", "37", "RTMIN+3" };
        var ids = new List<string>();
        foreach (var (index, written) in images.Append("").Index())
        {
            // SIGRTMIN of the C library is 34.
            var container = Requests.Script($"signal{index}", "trap 'exit 9' 37; echo ready; while :; do sleep 3600 & wait; done");
            container.Image.Image = await ImageAsync(written);
            container.StopSignal = written.Length == 0 ? Signal.Sigrtminplus3 : Signal.RuntimeDefault;
            ids.Add(await pod.StartAsync(container));
            await Wait.ForAsync(() => pod.Log($"signal{index}.log").Count == 1, TimeSpan.FromSeconds(10));
        }

        await Task.WhenAll(ids.Select(id => suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 20 }).ResponseAsync));
        foreach (var id in ids)
        {
            var status = await pod.StatusAsync(id);
            Assert.Equal((9, "Error", Signal.Sigrtminplus3), (status.ExitCode, status.Reason, status.StopSignal));
        }
    }

    private async Task<string> ImageAsync(string signal)
    {
        var image = new TestImage([suite.Base], new() { ["StopSignal"] = signal, ["Env"] = new JsonArray("PATH=/bin") });
        var reference = await suite.Registry.PushAsync("signals", $"s{signal.Replace('+', '-')}", image);
        await suite.Client.Images.PullImageAsync(new() { Image = new() { Image = reference } });
        return reference;
    }
}

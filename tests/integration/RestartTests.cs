using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>The gateway ends, by request or by kill -9, and comes back: pods do not notice, and nothing is forgotten.</summary>
public sealed class RestartTests(Suite suite, RestartedGateway restarted) : IClassFixture<RestartedGateway>
{
    public static MatrixTheoryData<string, bool> Ends => new(Suite.HandlerNames, [false, true]);

    [Theory, MemberData(nameof(Ends))]
    public async Task Restart_RunningPod_IsTheSameAfter(string handler, bool kill)
    {
        await suite.RequireAsync(handler);
        var gateway = restarted.Gateway;
        using var folder = new TempFolder();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, handler);
        var counting = Requests.Script("running", "trap 'exit 0' TERM; i=0; while :; do echo $i; echo $i > /count/last; i=$((i+1)); sleep 0.05 & wait; done");
        counting.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/count" });
        var running = await pod.StartAsync(counting);
        var created = await pod.CreateAsync(Requests.Idle("created"));
        var ended = await pod.StartAsync(Requests.Script("ended", "exit 3"));
        await pod.ExitedAsync(ended);
        var before = await EverythingAsync(gateway, pod);

        await EndAsync(gateway, kill);
        // Not looked for in the log: an engine may keep the lines until the gateway is back.
        int Last() => int.TryParse(File.ReadAllText(folder["last"]), out var last) ? last : 0;
        var written = Last();
        await Wait.ForAsync(() => Last() > written + 3, TimeSpan.FromSeconds(20));
        await gateway.StartAgainAsync();

        Assert.Equal(before, await EverythingAsync(gateway, pod));
        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(running, "echo", "alive"));
        await gateway.Client.Runtime.StartContainerAsync(new() { ContainerId = created });
        Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(created)).State);
        await gateway.Client.Runtime.StopContainerAsync(new() { ContainerId = running, Timeout = 20 });
        var stopped = await pod.StatusAsync(running);
        Assert.Equal((0, "Completed", ""), (stopped.ExitCode, stopped.Reason, stopped.Message));
        var numbers = pod.Log("running.log").Select(static l => int.Parse(l.Text)).ToList();
        Assert.Equal(Enumerable.Range(0, numbers.Count), numbers);
    }

    [Theory, MemberData(nameof(Ends))]
    public async Task Restart_ContainerEndedMeanwhile_IsReportedAsItWas(string handler, bool kill)
    {
        await suite.RequireAsync(handler);
        var gateway = restarted.Gateway;
        using var folder = new TempFolder();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, handler);
        var container = Requests.Script("end", "until [ -e /signal/go ]; do sleep 0.05; done; exit 9");
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/signal" });
        var id = await pod.StartAsync(container);

        await EndAsync(gateway, kill);
        folder.File("go", "");
        await Wait.ForAsync(() => !IsAnyRunning("/signal/go"), TimeSpan.FromSeconds(20));
        var gone = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
        await gateway.StartAgainAsync();

        var status = await pod.StatusAsync(id);
        Assert.Equal((ContainerState.ContainerExited, 9, "Error"), (status.State, status.ExitCode, status.Reason));
        Assert.InRange(status.FinishedAt, status.StartedAt, gone + 1_000_000_000);
    }

    [Fact]
    public async Task Restart_PodStoppedBefore_CanBeRemovedAfter()
    {
        var gateway = restarted.Gateway;
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        await pod.StartAsync(Requests.Idle());
        await gateway.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal(PodSandboxState.SandboxNotready, (await pod.StatusAsync()).State);
        await gateway.Client.Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod.Id });
        Assert.Empty((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
        Assert.Empty(gateway.Network.Leases);
    }

    [Fact]
    public async Task Restart_Images_AreStillThere()
    {
        var gateway = restarted.Gateway;
        var before = await gateway.Client.Images.ListImagesAsync(new());
        Assert.NotEmpty(before.Images);
        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        Assert.Equal(before, await gateway.Client.Images.ListImagesAsync(new()));
    }

    [Fact]
    public async Task Terminate_Asked_EndsInGoodOrder()
    {
        var gateway = restarted.Gateway;
        Assert.Equal(0, await gateway.TerminateAsync());
        Assert.DoesNotContain(" crit: ", gateway.Log, StringComparison.Ordinal);
        await gateway.StartAgainAsync();
    }

    private static Task EndAsync(Gateway gateway, bool kill) => kill ? gateway.KillAsync() : gateway.TerminateAsync();

    private static bool IsAnyRunning(string argument) => Directory.GetDirectories("/proc")
        .Where(static p => char.IsAsciiDigit(Path.GetFileName(p)[0]))
        .Any(p =>
        {
            try
            {
                return File.ReadAllText(Path.Combine(p, "cmdline")).Contains(argument, StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        });

    // All that a kubelet would see of the pod, as text.
    private static async Task<string> EverythingAsync(Gateway gateway, TestPod pod)
    {
        var containers = (await gateway.Client.Runtime.ListContainersAsync(new() { Filter = new() { PodSandboxId = pod.Id } })).Containers
            .OrderBy(static c => c.Id, StringComparer.Ordinal);
        var statuses = await Task.WhenAll(containers.Select(c => pod.StatusAsync(c.Id)));
        var list = await gateway.Client.Runtime.ListPodSandboxAsync(new());
        return string.Join('\n', [(await pod.StatusAsync()).ToString(), list.ToString(), .. containers.Select(static c => c.ToString()), .. statuses.Select(static s => s.ToString())]);
    }
}

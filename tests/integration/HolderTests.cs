using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>What holds a pod (an init, a machine, a shim) is killed, while the gateway looks on and while it is away: the pod and its containers have ended then, and can be removed.</summary>
public sealed class HolderTests(RestartedGateway restarted) : IClassFixture<RestartedGateway>
{
    private const int SigKill = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Holders_Killed_TakeTheirPodsAlong()
    {
        var pods = await PodsAsync();
        foreach (var (_, _, holder) in pods)
        {
            await KillAsync(holder);
        }

        await AssertEndedAsync(pods);
    }

    [Fact]
    public async Task Holders_KilledWhileTheGatewayIsAway_HaveTakenTheirPodsAlong()
    {
        var pods = await PodsAsync();
        await restarted.Gateway.KillAsync();
        foreach (var (_, _, holder) in pods)
        {
            await KillAsync(holder);
        }

        await restarted.Gateway.StartAgainAsync();
        await AssertEndedAsync(pods);
    }

    // One on each handler that has a process to hold a pod.
    private async Task<List<(TestPod Pod, string Container, int Holder)>> PodsAsync()
    {
        var gateway = restarted.Gateway;
        var pods = new List<(TestPod, string, int)>();
        foreach (var handler in Suite.HandlerNames)
        {
            if (!(await gateway.HandlerAsync(handler)).Ready)
            {
                continue;
            }

            var mode = (await gateway.AbilitiesAsync(handler)).Contains("shared PID namespace") ? NamespaceMode.Pod : NamespaceMode.Container;
            var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, handler, c => c.Linux.SecurityContext.NamespaceOptions.Pid = mode);
            if (await pod.HolderAsync() is > 0 and var holder)
            {
                var container = Requests.Idle();
                container.Linux.SecurityContext.NamespaceOptions.Pid = mode;
                pods.Add((pod, await pod.StartAsync(container), holder));
            }
            else
            {
                await pod.DisposeAsync();
            }
        }

        Assert.NotEmpty(pods);
        return pods;
    }

    private async Task AssertEndedAsync(List<(TestPod Pod, string Container, int Holder)> pods)
    {
        foreach (var (pod, container, _) in pods)
        {
            await Wait.ForAsync(async () => (await pod.StatusAsync()).State, static s => s == PodSandboxState.SandboxNotready, Limit);
            var status = await pod.ExitedAsync(container);
            Assert.True(status.ExitCode is 137 or 255, $"{status}");
            await pod.DisposeAsync();
        }

        Assert.Empty((await restarted.Gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
    }

    private static async Task KillAsync(int pid)
    {
        using var process = PidFd.TryOpen(pid);
        Assert.True(process!.Signal(SigKill));
        await process.ExitedAsync(CancellationToken.None);
    }
}

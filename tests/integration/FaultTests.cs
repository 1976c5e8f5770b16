using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>kill -9 in the middle of an operation: after a new start the view is consistent, and a retry works.</summary>
public sealed class FaultTests(RestartedGateway restarted) : IClassFixture<RestartedGateway>, IAsyncDisposable
{
    // From before the first step to after the last; which step each one hits differs from run to run.
    public static TheoryData<int> Moments => [1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100];

    [Theory, MemberData(nameof(Moments))]
    public async Task Kill_WithinRunPodSandbox_LeavesAWholePodOrNone(int milliseconds)
    {
        var gateway = restarted.Gateway;
        var config = Requests.Pod();
        await Faults.KillDuringAsync(gateway, Patience.Of(TimeSpan.FromMilliseconds(milliseconds)), async () => await gateway.Client.Runtime.RunPodSandboxAsync(new() { Config = config }));

        await gateway.StartAgainAsync();
        foreach (var seen in (await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items)
        {
            Assert.Equal(PodSandboxState.SandboxReady, seen.State);
        }

        var answer = await gateway.Client.Runtime.RunPodSandboxAsync(new() { Config = config });
        var only = Assert.Single((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
        Assert.Equal(answer.PodSandboxId, only.Id);
        await Faults.RemoveAsync(gateway, answer.PodSandboxId);
        await NothingLeftAsync(gateway);
    }

    [Theory, MemberData(nameof(Moments))]
    public async Task Kill_WithinCreateAndStart_LeavesAWholeContainerOrNone(int milliseconds)
    {
        var gateway = restarted.Gateway;
        var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        await Faults.KillDuringAsync(gateway, Patience.Of(TimeSpan.FromMilliseconds(milliseconds)), () => pod.StartAsync(Requests.Idle()));

        await gateway.StartAgainAsync();
        Assert.Equal(PodSandboxState.SandboxReady, (await pod.StatusAsync()).State);
        foreach (var seen in (await gateway.Client.Runtime.ListContainersAsync(new())).Containers)
        {
            Assert.NotEqual(ContainerState.ContainerUnknown, seen.State);
        }

        var started = (await gateway.Client.Runtime.ListContainersAsync(new())).Containers.FirstOrDefault(static c => c.State == ContainerState.ContainerRunning);
        var id = started?.Id ?? await pod.StartAsync(Requests.Idle());

        Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(id, "echo", "alive"));
        Assert.Single((await gateway.Client.Runtime.ListContainersAsync(new())).Containers);
        await Faults.RemoveAsync(gateway, pod.Id);
        await NothingLeftAsync(gateway);
    }

    [Theory, MemberData(nameof(Moments))]
    public async Task Kill_WithinStopAndRemove_CanBeFinished(int milliseconds)
    {
        var gateway = restarted.Gateway;
        var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs);
        await pod.StartAsync(Requests.Idle());
        await Faults.KillDuringAsync(gateway, Patience.Of(TimeSpan.FromMilliseconds(milliseconds)), () => Faults.RemoveAsync(gateway, pod.Id));

        await gateway.StartAgainAsync();
        await Faults.RemoveAsync(gateway, pod.Id);
        await NothingLeftAsync(gateway);
    }

    // A test that fails leaves nothing to the next.
    public async ValueTask DisposeAsync() => await restarted.Gateway.RemovePodsAsync();

    // What a start removes in the background takes a moment.
    private static async Task NothingLeftAsync(Gateway gateway)
    {
        IEnumerable<string> Left() =>
        [
            .. Directory.GetDirectories(Path.Combine(gateway.State, "sandboxes")),
            .. Directory.GetDirectories(Path.Combine(gateway.State, "containers")),
            .. gateway.Network.Leases,
        ];
        await Wait.ForAsync(() => !Left().Any(), TimeSpan.FromSeconds(20));
        Assert.Empty((await gateway.Client.Runtime.ListPodSandboxAsync(new())).Items);
        Assert.DoesNotContain((await gateway.Client.Admin.DoctorAsync(new())).Findings, static f => f.Severity == "error");
    }
}

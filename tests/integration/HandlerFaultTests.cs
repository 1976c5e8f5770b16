using System.Diagnostics;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// kill -9 of the gateway within each operation of a pod, on the handlers whose pods are more than their containers: what is left can be
/// removed, and the removal takes all of it.
/// </summary>
public sealed class HandlerFaultTests(FaultGateway faulty) : IClassFixture<FaultGateway>, IAsyncDisposable
{
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(20);

    /// <summary>Handlers that are killed together, for each kill costs a start, and shares of a start's time; that of a virtual machine is a boot.</summary>
    public static TheoryData<string[], double[]> Handlers => new()
    {
        { ["shim-v2", "rkt", "docker"], [0.2, 0.4, 0.6, 0.8] },
        { ["clear-containers", "runv"], [0.3, 0.8] },
    };

    private Gateway Gateway => faulty.Gateway;

    [Theory, MemberData(nameof(Handlers))]
    public async Task Kill_WithinAnyOperation_LeavesWhatARemovalTakesAway(string[] handlers, double[] moments)
    {
        var states = await Task.WhenAll(handlers.Where(Suite.Wants).Select(async h => (Name: h, State: await Gateway.HandlerAsync(h))));
        var ready = states.Where(static h => h.State.Ready).Select(static h => h.Name).ToList();
        var missing = string.Join("; ", states.Where(static h => !h.State.Ready).Select(static h => $"{h.Name}: {h.State.Reason}"));
        Assert.SkipWhen(ready.Count == 0, $"none of them: {missing}");
        var (processes, others) = (faulty.Processes(), await faulty.OthersAsync());
        var start = Stopwatch.GetTimestamp();
        var pods = await Task.WhenAll(ready.Select(StartAsync));
        var whole = Stopwatch.GetElapsedTime(start);

        await Faults.KillDuringAsync(Gateway, TimeSpan.FromMilliseconds(60), () => Task.WhenAll(pods.Select(static p => p.Pod.ExecAsync(p.Container, "sleep", "1000"))));
        await Gateway.StartAgainAsync();
        foreach (var (pod, container) in pods)
        {
            Assert.Equal(PodSandboxState.SandboxReady, (await pod.StatusAsync()).State);
            Assert.Equal((0, "alive\n", ""), await pod.ExecAsync(container, "echo", "alive"));
        }

        foreach (var milliseconds in (int[])[10, 80])
        {
            await Faults.KillDuringAsync(Gateway, TimeSpan.FromMilliseconds(milliseconds), RemoveAsync);
            await Gateway.StartAgainAsync();
        }

        await RemoveAsync();
        // The removal says that it is done; so it is, at once.
        Assert.Empty(faulty.Processes().Except(processes));
        await NothingNewAsync(others, "stop and removal");

        foreach (var share in moments)
        {
            await Faults.KillDuringAsync(Gateway, whole * share, () => Task.WhenAll(ready.Select(StartAsync)));
            await Gateway.StartAgainAsync();
            await Gateway.RemovePodsAsync();
            // What was never ready the start itself removes, in the background.
            await Wait.ForAsync(() => Task.FromResult(string.Join('\n', faulty.Processes().Except(processes))), static l => l.Length == 0, Settled);
            await NothingNewAsync(others, $"{share:P0} of a start of {whole.TotalMilliseconds:0} ms");
        }

        Assert.SkipWhen(missing.Length > 0, $"the others are fine, but {missing}");

        Task RemoveAsync() => Task.WhenAll(pods.Select(p => Faults.RemoveAsync(Gateway, p.Pod.Id)));
    }

    // A test that fails leaves nothing to the next.
    public async ValueTask DisposeAsync() => await Gateway.RemovePodsAsync();

    private async Task<(TestPod Pod, string Container)> StartAsync(string handler)
    {
        var pod = await TestPod.RunAsync(Gateway.Client, Gateway.Logs, handler);
        return (pod, await pod.StartAsync(Requests.Idle()));
    }

    private async Task NothingNewAsync(IReadOnlySet<string> before, string killedAt)
    {
        try
        {
            await Wait.ForAsync(async () => string.Join('\n', (await faulty.OthersAsync()).Except(before)), static l => l.Length == 0, Settled);
        }
        catch (TimeoutException e)
        {
            Assert.Fail($"killed at {killedAt}: {e.Message}");
        }

        Assert.DoesNotContain((await Gateway.Client.Admin.DoctorAsync(new())).Findings, static f => f.Severity == "error");
    }
}

using Berth.Common;
using Xunit;

namespace Berth.Tests.Unit.Common;

public sealed class SingleFlightTests
{
    [Fact]
    public async Task RunAsync_SameKeyWhileRunning_JoinsAndSharesTheResult()
    {
        var flight = new SingleFlight<int>();
        var gate = new TaskCompletionSource();
        var runs = 0;
        var callers = Enumerable.Range(0, 10).Select(_ => flight.RunAsync("a", Operation, CancellationToken.None)).ToList();
        gate.SetResult();
        Assert.All(await Task.WhenAll(callers), r => Assert.Equal(1, r));

        async Task<int> Operation()
        {
            Interlocked.Increment(ref runs);
            await gate.Task;
            return runs;
        }
    }

    [Fact]
    public async Task RunAsync_CallerGivesUp_OperationGoesOn()
    {
        var flight = new SingleFlight<int>();
        var gate = new TaskCompletionSource();
        using var cancel = new CancellationTokenSource();
        var first = flight.RunAsync("a", async () => { await gate.Task; return 7; }, cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = flight.RunAsync("a", () => Task.FromResult(8), CancellationToken.None);
        gate.SetResult();
        Assert.Equal(7, await second);
    }

    [Fact]
    public async Task RunAsync_AfterAFailure_RunsAgain()
    {
        var flight = new SingleFlight<int>();
        await Assert.ThrowsAsync<InvalidOperationException>(() => flight.RunAsync("a", () => throw new InvalidOperationException(), CancellationToken.None));
        Assert.Equal(1, await flight.RunAsync("a", () => Task.FromResult(1), CancellationToken.None));
    }
}

using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

public sealed class ExecTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task ExecSync_Command_GivesCodeAndBothStreams(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        Assert.Equal((3, "out\n", "err\n"), await pod.ExecAsync(id, "sh", "-c", "echo out; echo err >&2; exit 3"));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task ExecSync_TakesTooLong_IsKilledAndTold(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await suite.Client.Runtime.ExecSyncAsync(new() { ContainerId = id, Cmd = { "sleep", "4713" }, Timeout = 1 }));
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.DoesNotContain("sleep 4713", (await pod.ExecAsync(id, "ps")).Output, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task ExecSync_CallerGoesDuringTheStart_LeavesNoCommand(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        for (var moment = 1; moment <= 60; moment += 4)
        {
            using var gone = new CancellationTokenSource(TimeSpan.FromMilliseconds(moment));
            await Assert.ThrowsAsync<RpcException>(async () =>
                await suite.Client.Runtime.ExecSyncAsync(new() { ContainerId = id, Cmd = { "sleep", "4715" } }, cancellationToken: gone.Token));
        }

        await Wait.ForAsync(() => pod.ExecAsync(id, "ps"), static ps => !ps.Output.Contains("sleep 4715", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task ExecSync_TooMuchOutput_IsCutOffAt16MiB()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var response = await suite.Client.Runtime.ExecSyncAsync(new() { ContainerId = id, Cmd = { "head", "-c", "20000000", "/dev/zero" }, Timeout = 60 });
        Assert.Equal(0, response.ExitCode);
        Assert.Equal(16 * 1024 * 1024, response.Stdout.Length);
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task ExecSync_ChildKeepsTheOutputOpen_EndsInTime(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        try
        {
            var response = await suite.Client.Runtime.ExecSyncAsync(new() { ContainerId = id, Cmd = { "sh", "-c", "echo done; sleep 4714 &" }, Timeout = 3 });
            Assert.Equal((0, "done\n"), (response.ExitCode, response.Stdout.ToStringUtf8()));
        }
        catch (RpcException e)
        {
            // runc ends only with the last one that can write; then the time-out takes them all.
            Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
            Assert.DoesNotContain("sleep 4714", (await pod.ExecAsync(id, "ps")).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ExecSync_EightAtOnce_DoNotMix()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => pod.ExecAsync(id, "sh", "-c", $"echo {i}; exit {i}")));
        Assert.Equal(Enumerable.Range(0, 8).Select(static i => (i, $"{i}\n", "")), answers);
    }

    [Fact]
    public async Task ExecSync_UnknownCommand_SaysWhich()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        try
        {
            // Either a shell's codes for "not found" and "not executable", or an error that names it.
            var (code, _, error) = await pod.ExecAsync(id, "no-such-command");
            Assert.InRange(code, 126, 255);
            Assert.Contains("no-such-command", error, StringComparison.Ordinal);
        }
        catch (RpcException e)
        {
            Assert.Contains("no-such-command", e.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ExecSync_NotRunning_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.CreateAsync(Requests.Idle());
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.ExecAsync(id, "true"));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
    }
}

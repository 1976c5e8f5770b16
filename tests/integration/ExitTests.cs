using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>How containers end, and what is told about it.</summary>
public sealed class ExitTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Exit_Zero_IsCompleted(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var status = await pod.RunToEndAsync(Requests.Script("end", "exit 0"));
        Assert.Equal((0, "Completed"), (status.ExitCode, status.Reason));
        Assert.True(status.CreatedAt > 0 && status.StartedAt >= status.CreatedAt && status.FinishedAt >= status.StartedAt, status.ToString());
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Exit_Code_IsError(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var status = await pod.RunToEndAsync(Requests.Script("end", "exit 42"));
        Assert.Equal((42, "Error"), (status.ExitCode, status.Reason));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Exit_BySignal_Is128AndItsNumber(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Container("end", "sleep", "3600"));
        await pod.ExecAsync(id, "sh", "-c", "kill -9 1");
        // A PID namespace shields its first process from signals sent within; the node's view does not.
        await suite.Client.Runtime.StopContainerAsync(new() { ContainerId = id, Timeout = 0 });
        var status = await pod.ExitedAsync(id);
        Assert.Equal((137, "Error"), (status.ExitCode, status.Reason));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Exit_OutOfMemory_IsOomKilled(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Container("end", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1");
        container.Linux.Resources.MemoryLimitInBytes = 16 * 1024 * 1024;
        var status = await pod.RunToEndAsync(container);
        Assert.Equal((137, "OOMKilled"), (status.ExitCode, status.Reason));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Start_CommandNotInImage_FailsAndSaysSo(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.CreateAsync(Requests.Container("end", "/bin/no-such-command"));
        var error = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.StartContainerAsync(new() { ContainerId = id }));
        Assert.Contains("no-such-command", error.Status.Detail, StringComparison.Ordinal);
        var status = await pod.StatusAsync(id);
        Assert.Equal(ContainerState.ContainerExited, status.State);
        Assert.Equal((128, "StartError"), (status.ExitCode, status.Reason));
        Assert.Contains("no-such-command", status.Message, StringComparison.Ordinal);
        Assert.True(status.FinishedAt > 0);
    }

    [Fact]
    public async Task Start_Twice_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var error = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.StartContainerAsync(new() { ContainerId = id }));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
    }
}

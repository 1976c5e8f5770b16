using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>Further processes in a container.</summary>
public sealed class ExecContract
{
    private const int SigTerm = 15;

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exec_OfACommand_HasItsStreamsAndCode(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        using var output = new PipeCapture(4096, keepTail: false);
        using var error = new PipeCapture(4096, keepTail: false);
        var (read, write) = SafeFd.Pipe();
        var exec = await container.ExecAsync(
            new()
            {
                ExecId = "e1",
                ProcessPath = pod.WriteProcess("e1", "/bin/sh", "-c", "tr a-z A-Z; echo problem >&2; exit 7"),
                Stdin = new(read.Number, null),
                Stdout = new(output.WriteEnd.Number, null),
                Stderr = new(error.WriteEnd.Number, null),
            },
            CancellationToken.None);
        await exec.StartAsync(CancellationToken.None);
        read.Dispose();
        output.WriteEnd.Dispose();
        error.WriteEnd.Dispose();
        write.Write("hello"u8);
        write.Dispose();
        await Task.WhenAll(output.ReadAsync(null, CancellationToken.None), error.ReadAsync(null, CancellationToken.None));
        Assert.Equal(7, (await exec.Exit.Soon()).Code);
        Assert.Equal("HELLO", Encoding.UTF8.GetString(output.ToArray()));
        Assert.Equal("problem\n", Encoding.UTF8.GetString(error.ToArray()));
        Assert.False(container.Init.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exec_OfAMissingCommand_FailsWithTheReason(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        var exec = await ExecAsync(pod, container, "e1", "no-such-command");
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => exec.StartAsync(CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
        Assert.Contains("no-such-command", failure.Message);
        Assert.NotEqual(0, (await exec.Exit.Soon()).Code);
        var next = await ExecAsync(pod, container, "e2", "true");
        await next.StartAsync(CancellationToken.None);
        Assert.Equal(0, (await next.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Signal_ToAnExec_ReachesItAlone(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.ExecSignals);
        var pod = turn.Pod;
        var request = await pod.PlanAsync("sleep 1000");
        var container = await pod.RunAsync(request);
        var exec = await ExecAsync(pod, container, "e1", "/bin/sh", "-c", "trap 'exit 9' TERM; echo ready > /proc/1/fd/1; while :; do sleep 0.05; done");
        await exec.StartAsync(CancellationToken.None);
        await Waiting.LogAsync(request, "ready");
        await exec.SignalAsync(SigTerm, SignalScope.Process, CancellationToken.None);
        Assert.Equal(9, (await exec.Exit.Soon()).Code);
        Assert.False(container.Init.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Signal_ToTheSessionOfAnExec_EndsItsChildrenToo(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.ExecSignals);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        var exec = await ExecAsync(pod, container, "e1", "/bin/sh", "-c", "sleep 1001 & sleep 1002");
        await exec.StartAsync(CancellationToken.None);
        await exec.SignalAsync(9, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await exec.Exit.Soon()).Code);
        Assert.False(container.Init.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_OfAnExec_EndsItAndSparesTheContainer(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var container = await turn.Pod.RunAsync("sleep 1000");
        var exec = await ExecAsync(turn.Pod, container, "e1", "sleep", "1001");
        await exec.StartAsync(CancellationToken.None);
        await exec.SignalAsync(9, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await exec.Exit.Soon()).Code);
        Assert.Equal((0, "alive\n"), await turn.Pod.ExecAsync(container, "echo", "alive"));
        Assert.False(container.Init.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exec_InAnEndedContainer_Fails(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var container = await pod.RunAsync("exit 0");
        await container.Init.Exit.Soon();
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => ExecAsync(pod, container, "e1", "true"));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Exec_WhoseContainerIsKilled_Ends(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        var exec = await ExecAsync(pod, container, "e1", "sleep", "1000");
        await exec.StartAsync(CancellationToken.None);
        await container.Init.SignalAsync(9, SignalScope.All, CancellationToken.None);
        Assert.NotEqual(0, (await exec.Exit.Soon()).Code);
    }

    private static Task<IProcess> ExecAsync(ContractPod pod, IContainer container, string id, params string[] arguments) =>
        container.ExecAsync(new() { ExecId = id, ProcessPath = pod.WriteProcess(id, arguments) }, CancellationToken.None);
}

using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Execs with a terminal.</summary>
public sealed class TerminalContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Terminal_OfAnExec_TakesInputAndEndsWithIt(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.ExecTerminal);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        using var streams = new Streams();
        var exec = await ExecAsync(pod, container, streams, "busybox stty -echo; read word; echo got $word; cat; exit 5");
        await exec.StartAsync(CancellationToken.None);
        var reading = streams.ReadAsync();
        streams.Input.Write("early\nrest\n"u8);
        await streams.SeesAsync("got early\r\n");
        await streams.SeesAsync("rest\r\n");
        streams.Input.Dispose();
        Assert.Equal(5, (await exec.Exit.Soon()).Code);
        await reading;
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Resize_BeforeAndAfterTheStart_IsSeen(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.ExecTerminal);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        using var streams = new Streams();
        // The pause at the end: crun goes with its command, and at times does not wait for the terminal's last words.
        var exec = await ExecAsync(
            pod, container, streams, "until [ \"$(busybox stty size 2>/dev/null)\" = '33 101' ]; do :; done; echo first; until [ \"$(busybox stty size 2>/dev/null)\" = '50 132' ]; do :; done; echo second; sleep 0.2");
        await exec.ResizeAsync(101, 33, CancellationToken.None);
        await exec.StartAsync(CancellationToken.None);
        var reading = streams.ReadAsync();
        await streams.SeesAsync("first\r\n");
        await exec.ResizeAsync(132, 50, CancellationToken.None);
        Assert.Equal(0, (await exec.Exit.Soon()).Code);
        await reading;
        Assert.Equal("first\r\nsecond\r\n", streams.Text);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Resize_OfAnExecWithoutATerminal_IsRefused(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.ExecTerminal);
        var pod = turn.Pod;
        var container = await pod.RunAsync("sleep 1000");
        var exec = await container.ExecAsync(new() { ExecId = "e1", ProcessPath = pod.WriteProcess("e1", "true") }, CancellationToken.None);
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => exec.ResizeAsync(80, 24, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, failure.Code);
    }

    private static Task<IProcess> ExecAsync(ContractPod pod, IContainer container, Streams streams, string script) => container.ExecAsync(
        new()
        {
            ExecId = "e1",
            ProcessPath = Streams.WithTerminal(pod.WriteProcess("e1", "/bin/sh", "-c", script)),
            Stdin = streams.Stdin,
            Stdout = streams.Stdout,
            Terminal = true,
        },
        CancellationToken.None);
}

using System.Globalization;
using System.Text;
using Berth.Abstractions;

namespace Berth.Tests.Contract;

/// <summary>Clients at the streams of a container.</summary>
public sealed class AttachContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Attach_TwoClients_BothGetAllOutputAndTheLogToo(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var pod = turn.Pod;
        var request = (await pod.PlanAsync("read line; echo got $line; echo problem >&2")) with { Stdin = true, StdinOnce = true };
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        using var first = new Streams();
        using var second = new Streams();
        var attachments = new[] { await AttachAsync(container, first), await AttachAsync(container, second) };
        var reading = Task.WhenAll(first.ReadAsync(), second.ReadAsync());
        first.Input.Write("word\n"u8);
        await Task.WhenAll(attachments.Select(static a => a.End.WaitAsync(TimeSpan.FromSeconds(30))));
        await reading;
        Assert.Equal(("got word\n", "got word\n"), (first.Text, second.Text));
        Assert.Equal("problem\n", Encoding.UTF8.GetString(second.Error.ToArray()));
        Assert.Equal(0, (await container.Init.Exit.Soon()).Code);
        await Waiting.LogAsync(request, "got word");
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task StdinOnce_EndOfTheClientsInput_EndsTheContainers(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var pod = turn.Pod;
        var container = await pod.CreateAsync((await pod.PlanAsync("cat; echo end")) with { Stdin = true, StdinOnce = true });
        await container.Init.StartAsync(CancellationToken.None);
        using var streams = new Streams();
        var attachment = await AttachAsync(container, streams);
        var reading = streams.ReadAsync();
        streams.Input.Write("typed\n"u8);
        streams.Input.Dispose();
        Assert.Equal(0, (await container.Init.Exit.Soon()).Code);
        await attachment.End.WaitAsync(TimeSpan.FromSeconds(30));
        await reading;
        Assert.Equal("typed\nend\n", streams.Text);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Detach_OfAClient_LeavesTheContainerToTheNext(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var pod = turn.Pod;
        var container = await pod.CreateAsync((await pod.PlanAsync("while read line; do echo got $line; done")) with { Stdin = true });
        await container.Init.StartAsync(CancellationToken.None);
        foreach (var word in (string[])["one", "two"])
        {
            using var streams = new Streams();
            var attachment = await AttachAsync(container, streams);
            var reading = streams.ReadAsync();
            streams.Input.Write(Encoding.ASCII.GetBytes(word + "\n"));
            await streams.SeesAsync($"got {word}\n");
            await attachment.DetachAsync(CancellationToken.None);
            Assert.True(attachment.End.IsCompleted);
            await reading;
        }

        Assert.False(container.Init.Exit.IsCompleted);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Attach_ToATerminal_HasItsSizeAndItsInput(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var pod = turn.Pod;
        var request = (await pod.PlanAsync("until [ \"$(busybox stty size)\" = '33 101' ]; do :; done; read line; echo got $line")) with { Stdin = true, Terminal = true };
        Streams.WithTerminal(Path.Combine(request.BundlePath, "config.json"));
        var container = await pod.CreateAsync(request);
        await container.Init.StartAsync(CancellationToken.None);
        using var streams = new Streams();
        var attachment = await AttachAsync(container, streams);
        var reading = streams.ReadAsync();
        await container.Init.ResizeAsync(101, 33, CancellationToken.None);
        streams.Input.Write("word\n"u8);
        await attachment.End.WaitAsync(TimeSpan.FromSeconds(30));
        await reading;
        Assert.Contains("got word\r\n", streams.Text, StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_WhileAClientDoesNotRead_EndsTheContainer(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var request = (await turn.Pod.PlanAsync("read go; exec yes 0123456789012345678901234567890123456789")) with { Stdin = true };
        var container = await turn.Pod.RunAsync(request);
        using var streams = new Streams();
        await AttachAsync(container, streams);
        streams.Input.Write("go\n"u8);
        // Half of a log is stamps, and 64 KiB of the rest the client's pipe takes.
        await Waiting.TrueAsync(() => new FileInfo(request.LogPath!).Length > 140 * 1024);
        await container.Init.SignalAsync(9, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Attach_OfAClientThatReadsLate_LosesNothingThereAndInTheLog(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        // More than the client's pipe takes.
        var request = (await turn.Pod.PlanAsync("read go; i=0; while [ $i -lt 3000 ]; do echo line $i of what a client reads late; i=$((i+1)); done")) with { Stdin = true };
        var container = await turn.Pod.RunAsync(request);
        using var streams = new Streams();
        var attachment = await AttachAsync(container, streams);
        streams.Input.Write("go\n"u8);
        await Waiting.LogAsync(request, "line 500 of");
        var reading = streams.ReadAsync();
        await attachment.End.WaitAsync(TimeSpan.FromSeconds(30));
        await reading;
        var all = string.Concat(Enumerable.Range(0, 3000).Select(static i => $"line {i} of what a client reads late\n"));
        Assert.Equal(all, streams.Text);
        Assert.Equal(0, (await container.Init.Exit.Soon()).Code);
        Assert.Equal(all, TextOf(request.LogPath!));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Kill_WhileAClientDoesNotRead_LosesNoLineOfTheLog(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        // Long lines fill all that is on the way soon (a virtual machine's agent keeps 16 MiB); the file counts those that the container has written in full.
        const string Script = "line=$(busybox seq 3000 | busybox tr '\\n' .); read go; i=0; while echo $line end $i.; do i=$((i+1)); echo $i >/count; done";
        var request = (await turn.Pod.PlanAsync(Script)) with { Stdin = true };
        var container = await turn.Pod.RunAsync(request);
        using var streams = new Streams();
        await AttachAsync(container, streams);
        streams.Input.Write("go\n"u8);
        var count = "";
        await Waiting.TrueAsync(async () => count == (count = (await turn.Pod.ExecAsync(container, "/bin/busybox", "cat", "/count")).Output) && int.TryParse(count, out _));
        await container.Init.SignalAsync(9, SignalScope.All, CancellationToken.None);
        Assert.Equal(137, (await container.Init.Exit.Soon()).Code);
        Assert.Contains($" end {int.Parse(count, CultureInfo.InvariantCulture) - 1}.", TextOf(request.LogPath!), StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Attach_ToAnEndedContainer_IsRefused(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.Attach);
        var pod = turn.Pod;
        var container = await pod.RunAsync("exit 0");
        await container.Init.Exit.Soon();
        using var streams = new Streams();
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => AttachAsync(container, streams));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, failure.Code);
    }

    // A line of the log is: time, stream, whether the line ends there, text.
    private static string TextOf(string log) =>
        string.Concat(File.ReadLines(log).Select(static l => l.Split(' ', 4)).Select(static l => l[3] + (l[2] == "F" ? "\n" : "")));

    private static Task<IAttachment> AttachAsync(IContainer container, Streams streams) =>
        container.AttachAsync(new() { Stdin = streams.Stdin, Stdout = streams.Stdout, Stderr = streams.Stderr }, CancellationToken.None);
}

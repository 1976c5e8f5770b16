using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Clients at the streams of a container's first process.</summary>
public sealed class StreamingAttachTests(Suite suite)
{
    private static readonly string[] Files = ["typing.out", "typing.err", "looking.out", "looking.err"];

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Attach_TwoClients_ShareTheContainer(string handler)
    {
        await suite.RequireAsync(handler, "attach");
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Interactive("while read line; do echo got $line; done", once: false));
        await using var first = await ChannelClient.ConnectAsync(await AttachAsync(id), "v4.channel.k8s.io");
        await using var second = await ChannelClient.ConnectAsync(await AttachAsync(id), "v5.channel.k8s.io");
        await first.SendAsync(0, "one\n");
        await first.ReadUntilAsync(1, "got one\n");
        await second.SendAsync(0, "two\n");
        await second.ReadUntilAsync(1, "got two\n");
        await first.ReadUntilAsync(1, "got two\n");
        Assert.Contains("got one\n", pod.Log("attach.log").Aggregate("", static (all, line) => $"{all}{line.Text}\n"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Attach_ClientHangsUp_TheContainerGoesOn(string handler)
    {
        await suite.RequireAsync(handler, "attach");
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Interactive("while read line; do echo got $line; done", once: false));
        await using (var first = await ChannelClient.ConnectAsync(await AttachAsync(id), "v4.channel.k8s.io"))
        {
            await first.SendAsync(0, "one\n");
            await first.ReadUntilAsync(1, "got one\n");
        }

        await using var second = await ChannelClient.ConnectAsync(await AttachAsync(id), "v4.channel.k8s.io");
        await second.SendAsync(0, "two\n");
        await second.ReadUntilAsync(1, "got two\n");
        Assert.DoesNotContain("got one", second.Text(1), StringComparison.Ordinal);
        Assert.Equal(ContainerState.ContainerRunning, (await pod.StatusAsync(id)).State);
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Attach_StdinOnce_EndsWithTheClientsInput(string handler)
    {
        Assert.SkipUnless(SpdyClient.Missing is null, SpdyClient.Missing ?? "");
        await suite.RequireAsync(handler, "attach");
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Interactive("cat; echo end", once: true));
        var result = await SpdyClient.RunAsync(["console", "-url", await AttachAsync(id), "-stdin", "-stdout", "-stderr"], "typed\n"u8.ToArray());
        Assert.Equal("typed\nend\n", result.OutputText);
        Assert.Equal(0, (await pod.ExitedAsync(id)).ExitCode);
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Attach_TwoClientsOverSpdy_EachHaveBothStreamsApart(string handler)
    {
        Assert.SkipUnless(SpdyClient.Missing is null, SpdyClient.Missing ?? "");
        await suite.RequireAsync(handler, "attach");
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Interactive("while read line && [ $line != end ]; do echo out $line; echo err $line >&2; done", once: false));
        using var folder = new TempFolder();
        var (read, write) = SafeFd.Pipe();
        using (write)
        {
            using var typing = await StartAsync(await AttachAsync(id), folder, "typing", read);
            using var looking = await StartAsync(await AttachAsync(id, stdin: false), folder, "looking", null);
            // A client sees what comes while it is there, so lines are typed until both are.
            await Wait.ForAsync(
                () =>
                {
                    write.Write("word\n"u8);
                    return Task.FromResult(string.Join(',', Files.Select(f => new FileInfo(folder[f]).Length > 0)));
                },
                static seen => !seen.Contains("False", StringComparison.Ordinal),
                TimeSpan.FromSeconds(30));
            write.Write("end\n"u8);
            var codes = await Task.WhenAll(typing.WaitAsync(CancellationToken.None), looking.WaitAsync(CancellationToken.None));
            Assert.All(codes, static code => Assert.Equal(0, code));
        }

        Assert.All(Files, f => Assert.Equal([$"{f[^3..]} word"], File.ReadLines(folder[f]).Distinct()));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task Attach_ToATerminal_FollowsItsSize(string handler)
    {
        await suite.RequireAsync(handler, "attach");
        await using var pod = await suite.PodAsync(handler);
        var container = Interactive("until stty size 2>/dev/null | grep -q '50 132'; do :; done; echo big; read word; echo got $word", once: false);
        container.Tty = true;
        var id = await pod.StartAsync(container);
        await using var client = await ChannelClient.ConnectAsync(await AttachAsync(id, tty: true), "v5.channel.k8s.io");
        await client.SendAsync(4, """{"Width":132,"Height":50}""");
        await client.ReadUntilAsync(1, "big\r\n");
        await client.SendAsync(0, "word\n");
        await client.ReadToEndAsync();
        Assert.Contains("got word\r\n", client.Text(1), StringComparison.Ordinal);
        Assert.Contains("Success", client.Text(3), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attach_TtyIsNotTheContainers_IsRefused()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var error = await Assert.ThrowsAsync<RpcException>(() => AttachAsync(id, tty: true));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
    }

    private static async Task<ChildProcess> StartAsync(string url, TempFolder folder, string name, SafeFd? input)
    {
        using var output = SafeFd.OpenWrite(folder.File($"{name}.out", ""));
        using var error = SafeFd.OpenWrite(folder.File($"{name}.err", ""));
        using var none = SafeFd.OpenRead("/dev/null");
        using (input)
        {
            return await SpdyClient.StartAsync(
                ["console", "-url", url, "-stdout", "-stderr", .. input is null ? (string[])[] : ["-stdin"]],
                new Dictionary<int, SafeFd> { [0] = input ?? none, [1] = output, [2] = error });
        }
    }

    private static ContainerConfig Interactive(string script, bool once)
    {
        var container = Requests.Script("attach", script);
        (container.Stdin, container.StdinOnce) = (true, once);
        return container;
    }

    private async Task<string> AttachAsync(string id, bool tty = false, bool stdin = true) =>
        (await suite.Client.Runtime.AttachAsync(new() { ContainerId = id, Stdin = stdin, Stdout = true, Stderr = !tty, Tty = tty })).Url;
}

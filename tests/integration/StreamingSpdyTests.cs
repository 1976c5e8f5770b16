using System.Text;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Exec and port-forward over SPDY, by an independent client.</summary>
public sealed class StreamingSpdyTests(Suite suite)
{
    private const string Success = """{"metadata":{},"status":"Success"}""";

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_Command_HasItsStreamsAndItsCodeAsAStatus(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        var (output, error, status) = await ConsoleAsync(
            await ExecAsync(id, ["sh", "-c", "tr a-z A-Z; echo problem >&2; exit 7"], stdin: true), ["-stdin", "-stdout", "-stderr"], "hello");
        Assert.Equal(("HELLO", "problem"), (output, error));
        Assert.Equal(
            """v4.channel.k8s.io|{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit status 7","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}""",
            status);
    }

    [Theory]
    [InlineData("v5.channel.k8s.io,v4.channel.k8s.io,v3.channel.k8s.io", "v4.channel.k8s.io|" + Success)]
    [InlineData("v3.channel.k8s.io", "v3.channel.k8s.io|")]
    [InlineData("v2.channel.k8s.io", "v2.channel.k8s.io|")]
    [InlineData("channel.k8s.io", "channel.k8s.io|")]
    public async Task Exec_EachVersion_EndsInItsForm(string offered, string status)
    {
        await using var pod = await PodAsync("crun");
        var id = await pod.StartAsync(Requests.Idle());
        var answer = await ConsoleAsync(await ExecAsync(id, ["echo", "out"]), ["-stdout", "-stderr", "-protocol", offered]);
        Assert.Equal(("out\n", "", status), answer);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_WithATerminal_HasItsSizeFromTheStart(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        // The size may come a moment after the command.
        var (output, _, status) = await ConsoleAsync(
            await ExecAsync(id, ["sh", "-c", "test -t 0 && test -t 1 && until stty size 2>/dev/null | grep -q '33 101'; do :; done; stty size"], stdin: true, tty: true),
            ["-stdin", "-stdout", "-tty", "-resize", "101x33"]);
        Assert.Equal(("33 101\r\n", "v4.channel.k8s.io|" + Success), (output, status));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_WithATerminal_TakesWhatIsTyped(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        // The end of the input is the end-of-file character, so the shell ends.
        var (output, _, status) = await ConsoleAsync(
            await ExecAsync(id, ["sh", "-c", "stty -echo; read word; echo got $word; cat; exit 4"], stdin: true, tty: true), ["-stdin", "-stdout", "-tty"], "typed\nmore\n");
        Assert.Contains("got typed\r\n", output, StringComparison.Ordinal);
        Assert.Contains("more\r\n", output, StringComparison.Ordinal);
        Assert.Contains("\"message\":\"4\"", status, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_UnknownCommand_SaysWhich()
    {
        await using var pod = await PodAsync("runc");
        var id = await pod.StartAsync(Requests.Idle());
        var (_, _, status) = await ConsoleAsync(await ExecAsync(id, ["no-such-command"]), ["-stdout", "-stderr"]);
        Assert.Contains("\"reason\":\"InternalError\"", status, StringComparison.Ordinal);
        Assert.Contains("no-such-command", status, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_16MiBEachWay_ComesBackWhole(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        var input = new string('x', 16 * 1024 * 1024);
        var (output, error, status) = await ConsoleAsync(await ExecAsync(id, ["cat"], stdin: true), ["-stdin", "-stdout", "-stderr"], input);
        Assert.Equal(("", "v4.channel.k8s.io|" + Success), (error, status));
        Assert.True(input == output, $"{output.Length} bytes came back");
    }

    [Fact]
    public async Task Exec_OneGiB_DoesNotGrowTheGateway()
    {
        await using var pod = await PodAsync("crun");
        var id = await pod.StartAsync(Requests.Idle());
        var url = await ExecAsync(id, ["head", "-c", "1073741824", "/dev/zero"]);
        // What is allocated for a first session is there before.
        await ConsoleAsync(await ExecAsync(id, ["head", "-c", "33554432", "/dev/zero"]), ["-stdout", "-stderr"]);
        var before = ResidentMiB();
        using var sink = SafeFd.OpenWrite("/dev/null");
        using var client = await SpdyClient.StartAsync(["console", "-url", url, "-stdout", "-stderr"], new Dictionary<int, SafeFd> { [1] = sink, [2] = sink });
        var end = client.WaitAsync(CancellationToken.None);
        var most = before;
        while (!end.IsCompleted)
        {
            most = Math.Max(most, ResidentMiB());
            await Task.WhenAny(end, Task.Delay(50));
        }

        Assert.Equal(0, await end);
        Assert.InRange(most, 0, before + 64);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_ClientIsKilled_TheCommandAndItsChildrenAre(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        var url = await ExecAsync(id, ["sh", "-c", "sleep 4721 & sleep 4722"], stdin: true);
        var (read, write) = SafeFd.Pipe();
        using (write)
        {
            using var client = await SpdyClient.StartAsync(["console", "-url", url, "-stdin", "-stdout", "-stderr"], new Dictionary<int, SafeFd> { [0] = read });
            read.Dispose();
            await Wait.ForAsync(() => pod.ExecAsync(id, "ps"), static ps => ps.Output.Contains("sleep 4722", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
            client.Signal(9);
            await client.WaitAsync(CancellationToken.None);
        }

        await Wait.ForAsync(() => pod.ExecAsync(id, "ps"), static ps => !ps.Output.Contains("sleep 472", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Exec_TwentyAtOnce_DoNotMix()
    {
        await using var pod = await PodAsync("crun");
        var id = await pod.StartAsync(Requests.Idle());
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
            (await ConsoleAsync(await ExecAsync(id, ["sh", "-c", $"cat; echo {i}"], stdin: true), ["-stdin", "-stdout", "-stderr"], $"in {i}\n")).Output));
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => $"in {i}\n{i}\n"), answers);
    }

    [Theory]
    [InlineData("runc", false, false)]
    [InlineData("crun", false, true)]
    [InlineData("crun", true, false)]
    public async Task PortForward_ManyConnectionsThroughOne_EachHasItsAnswer(string handler, bool hostNetwork, bool v6)
    {
        await suite.RequireAsync(handler);
        Assert.SkipUnless(SpdyClient.Missing is null, SpdyClient.Missing ?? "");
        await using var pod = await suite.PodAsync(handler, config => config.Linux.SecurityContext.NamespaceOptions.Network = hostNetwork ? NamespaceMode.Node : NamespaceMode.Pod);
        await using var server = new EchoServer(hostNetwork ? null : suite.Gateway.NetworkNamespace(pod.Id), v6);
        var url = (await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        var result = await SpdyClient.RunAsync(["ports", "-url", url, "-port", $"{server.Port}", "-connections", "20", "-bytes", "1000000"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            Enumerable.Range(0, 20).Select(static i => $"{i} hello {i}+1000000").Order(StringComparer.Ordinal),
            result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        await Wait.ForAsync(() => server.Open == 0, TimeSpan.FromSeconds(30));
    }

    [Theory, MemberData(nameof(Suite.HandlersAndApart), MemberType = typeof(Suite))]
    public async Task PortForward_ToAServerOfTheContainer_HasItsAnswers(string handler)
    {
        await using var pod = await PodAsync(handler);
        var id = await pod.StartAsync(Requests.Script("server", "exec nc -ll -p 4711 -e cat"));
        await Wait.ForAsync(() => pod.ExecAsync(id, "netstat", "-lnt"), static n => n.Output.Contains(":4711 ", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        var url = (await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        var result = await SpdyClient.RunAsync(["ports", "-url", url, "-port", "4711", "-connections", "4", "-bytes", "100000"]);
        Assert.Equal(
            Enumerable.Range(0, 4).Select(static i => $"{i} hello {i}+100000"),
            result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task PortForward_NobodyListens_SaysSo()
    {
        await using var pod = await PodAsync("crun");
        var url = (await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        var result = await SpdyClient.RunAsync(["ports", "-url", url, "-port", "4999", "-connections", "3"]);
        Assert.Equal(3, result.OutputText.Split('\n').Count(static l => l.Contains("error: error forwarding port 4999", StringComparison.Ordinal)));
    }

    private async Task<TestPod> PodAsync(string handler)
    {
        Assert.SkipUnless(SpdyClient.Missing is null, SpdyClient.Missing ?? "");
        return await suite.PodAsync(handler);
    }

    private async Task<string> ExecAsync(string id, string[] command, bool stdin = false, bool tty = false) =>
        (await suite.Client.Runtime.ExecAsync(new() { ContainerId = id, Cmd = { command }, Stdin = stdin, Stdout = true, Stderr = !tty, Tty = tty })).Url;

    private static async Task<(string Output, string Error, string Status)> ConsoleAsync(string url, string[] arguments, string? input = null)
    {
        using var folder = new TempFolder();
        var result = await SpdyClient.RunAsync(
            ["console", "-url", url, "-status", folder["status"], .. arguments], input is null ? null : Encoding.UTF8.GetBytes(input));
        return (result.OutputText, result.Error, File.Exists(folder["status"]) ? File.ReadAllText(folder["status"]).Replace('\n', '|') : $"exit {result.ExitCode}");
    }

    private long ResidentMiB()
    {
        var line = File.ReadLines($"/proc/{suite.Gateway.Pid}/status").First(static l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), System.Globalization.CultureInfo.InvariantCulture) / 1024;
    }
}

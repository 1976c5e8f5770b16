using System.Buffers.Binary;
using System.Net.WebSockets;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Exec and port-forward over WebSocket.</summary>
public sealed class StreamingWebSocketTests(Suite suite)
{
    private const string Success = """{"metadata":{},"status":"Success"}""";

    [Theory]
    [InlineData("runc", "v5.channel.k8s.io")]
    [InlineData("crun", "v5.channel.k8s.io")]
    [InlineData("crun", "v4.channel.k8s.io")]
    [InlineData("crun", "v4.base64.channel.k8s.io")]
    public async Task Exec_Command_HasItsStreamsAndItsStatus(string handler, string protocol)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        await using var client = await ChannelClient.ConnectAsync(await ExecAsync(id, ["sh", "-c", "read line; echo got $line; echo problem >&2; exit 3"], stdin: true), protocol);
        await client.SendAsync(0, "word\n");
        await client.ReadToEndAsync();
        Assert.Equal("got word\n", client.Text(1));
        Assert.Equal("problem\n", client.Text(2));
        Assert.Contains("\"reason\":\"ExitCode\",\"message\":\"3\"", client.Text(3), StringComparison.Ordinal);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
    }

    [Theory]
    [InlineData("channel.k8s.io")]
    [InlineData("base64.channel.k8s.io")]
    [InlineData("")]
    public async Task Exec_FirstVersion_TellsFailuresAsText(string protocol)
    {
        await using var pod = await suite.PodAsync("crun");
        var id = await pod.StartAsync(Requests.Idle());
        await using var good = await ChannelClient.ConnectAsync(await ExecAsync(id, ["echo", "out"]), protocol);
        await good.ReadToEndAsync();
        Assert.Equal(("out\n", ""), (good.Text(1), good.Text(3)));
        await using var bad = await ChannelClient.ConnectAsync(await ExecAsync(id, ["sh", "-c", "exit 3"]), protocol);
        await bad.ReadToEndAsync();
        Assert.Equal("command terminated with non-zero exit code: exit status 3", bad.Text(3));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_StdinIsClosedByItself_TheRestComes(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        await using var client = await ChannelClient.ConnectAsync(await ExecAsync(id, ["sh", "-c", "wc -c; echo end"], stdin: true), "v5.channel.k8s.io");
        var megabyte = new string('x', 1 << 20);
        await client.SendAsync(0, megabyte);
        await client.SendAsync(0, megabyte);
        await client.SendRawAsync([255, 0], WebSocketMessageType.Binary);
        await client.ReadToEndAsync();
        Assert.Equal("2097152\nend\n", client.Text(1));
        Assert.Equal(Success, client.Text(3));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_WithATerminal_FollowsItsSize(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        await using var client = await ChannelClient.ConnectAsync(
            await ExecAsync(id, ["sh", "-c", "until stty size 2>/dev/null | grep -q '24 80'; do :; done; echo first; until stty size | grep -q '50 132'; do :; done; echo second"], stdin: true, tty: true),
            "v5.channel.k8s.io");
        await client.SendAsync(4, """{"Width":80,"Height":24}""");
        await client.ReadUntilAsync(1, "first\r\n");
        await client.SendAsync(4, """{"width":132,"height":50}""");
        await client.ReadToEndAsync();
        Assert.Equal("first\r\nsecond\r\n", client.Text(1));
        Assert.Equal(Success, client.Text(3));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_WithATerminal_InterruptsAsAUserDoes(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        await using var client = await ChannelClient.ConnectAsync(
            await ExecAsync(id, ["sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done"], stdin: true, tty: true), "v4.channel.k8s.io");
        await client.ReadUntilAsync(1, "ready\r\n");
        await client.SendAsync(0, "\u0003");
        await client.ReadToEndAsync();
        Assert.Contains("interrupted\r\n", client.Text(1), StringComparison.Ordinal);
        Assert.Contains("\"message\":\"9\"", client.Text(3), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Exec_ClientHangsUp_TheCommandIsKilled(string handler)
    {
        await using var pod = await suite.PodAsync(handler);
        var id = await pod.StartAsync(Requests.Idle());
        await using (var client = await ChannelClient.ConnectAsync(await ExecAsync(id, ["sh", "-c", "echo up; sleep 4731"]), "v4.channel.k8s.io"))
        {
            await client.ReadUntilAsync(1, "up\n");
        }

        await Wait.ForAsync(() => pod.ExecAsync(id, "ps"), static ps => !ps.Output.Contains("sleep 4731", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task PortForward_OlderForm_HasAPairOfChannelsForEachPort()
    {
        await using var pod = await suite.PodAsync("crun");
        await using var server = new EchoServer(suite.Gateway.NetworkNamespace(pod.Id));
        var url = (await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id, Port = { server.Port, 4998 } })).Url;
        await using var client = await ChannelClient.ConnectAsync(url, "v4.channel.k8s.io");
        await client.SendAsync(0, "hello");
        await client.ReadUntilAsync(0, "hello");
        await client.ReadUntilAsync(3, "error forwarding port 4998");
        var number = client.Bytes(0)[..2];
        Assert.Equal(server.Port, BinaryPrimitives.ReadUInt16LittleEndian(number));
    }

    private async Task<string> ExecAsync(string id, string[] command, bool stdin = false, bool tty = false) =>
        (await suite.Client.Runtime.ExecAsync(new ExecRequest { ContainerId = id, Cmd = { command }, Stdin = stdin, Stdout = true, Stderr = !tty, Tty = tty })).Url;
}

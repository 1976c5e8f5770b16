using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Linux;
using Berth.Streaming.Spdy;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Further clients: node's WebSocket, and SPDY inside a WebSocket.</summary>
public sealed class StreamingClientsTests(Suite suite)
{
    [Fact]
    public async Task Exec_FromNode_HasItsStreamsAndItsStatus()
    {
        var node = await NodeAsync("-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)");
        Assert.SkipUnless(node?.ExitCode == 0, "no node with a WebSocket of its own (20.10 or later)");
        await using var pod = await suite.PodAsync("crun");
        var id = await pod.StartAsync(Requests.Idle());
        var url = (await suite.Client.Runtime.ExecAsync(
            new() { ContainerId = id, Cmd = { "sh", "-c", "read line; echo got $line; echo problem >&2; exit 3" }, Stdin = true, Stdout = true, Stderr = true })).Url;
        var result = await NodeAsync(Path.Combine(Repository.Root, "tests/clients/websocket.mjs"), url, "v5.channel.k8s.io", "word\n");
        Assert.True(result!.ExitCode == 0, result.Error);
        var answer = JsonNode.Parse(result.OutputText)!;
        Assert.Equal((1000, "v5.channel.k8s.io"), ((int)answer["code"]!, (string)answer["protocol"]!));
        Assert.Equal(("got word\n", "problem\n"), ((string)answer["received"]!["1"]!, (string)answer["received"]!["2"]!));
        Assert.Contains("NonZeroExitCode", (string)answer["received"]!["3"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortForward_SpdyInsideAWebSocket_ReachesThePod()
    {
        await using var pod = await suite.PodAsync("crun");
        await using var server = new EchoServer(suite.Gateway.NetworkNamespace(pod.Id));
        var url = (await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id })).Url;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var connection = new TcpClient();
        using var socket = await ConnectAsync(connection, new(url), "SPDY/3.1+portforward.k8s.io", limit.Token);
        await using var stream = WebSocketStream.Create(socket, WebSocketMessageType.Binary, TimeSpan.FromSeconds(5));
        using var deflater = new SpdyDeflater();
        await stream.WriteAsync(Open(1, "error"), limit.Token);
        await stream.WriteAsync(Open(3, "data"), limit.Token);
        await stream.WriteAsync(Data(3, "hello"), limit.Token);
        Assert.Equal("hello", await ReadDataAsync());

        byte[] Open(uint id, string type)
        {
            var block = deflater.Deflate(SpdyHeaders.Format(new Dictionary<string, string> { ["streamtype"] = type, ["port"] = $"{server.Port}", ["requestid"] = "0" }));
            return [0x80, 3, 0, 1, .. Number((uint)(10 + block.Length)), .. Number(id), 0, 0, 0, 0, 0, 0, .. block];
        }

        async Task<string> ReadDataAsync()
        {
            while (true)
            {
                var head = new byte[8];
                await stream.ReadExactlyAsync(head, limit.Token);
                var body = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4)) & 0xFFFFFF];
                await stream.ReadExactlyAsync(body, limit.Token);
                if (head[0] < 0x80)
                {
                    Assert.Equal(3u, BinaryPrimitives.ReadUInt32BigEndian(head));
                    return Encoding.ASCII.GetString(body);
                }
            }
        }
    }

    // .NET's client offers no protocol with a slash in its name, so the handshake is done here.
    private static async Task<WebSocket> ConnectAsync(TcpClient client, Uri url, string protocol, CancellationToken cancellationToken)
    {
        await client.ConnectAsync(url.Host, url.Port, cancellationToken);
        var stream = client.GetStream();
        var request = $"GET {url.AbsolutePath} HTTP/1.1\r\nHost: berth\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), cancellationToken);
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, cancellationToken);
            head.Append((char)one[0]);
        }

        Assert.StartsWith("HTTP/1.1 101 ", head.ToString(), StringComparison.Ordinal);
        Assert.Contains($"\r\nSec-WebSocket-Protocol: {protocol}\r\n", head.ToString(), StringComparison.Ordinal);
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = false });
    }

    private static byte[] Data(uint id, string text) => [.. Number(id), .. Number((uint)text.Length), .. Encoding.ASCII.GetBytes(text)];

    private static byte[] Number(uint number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return bytes;
    }

    private static async Task<CommandResult?> NodeAsync(params string[] arguments)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return Executable.Find("node") is { } node
            ? await CommandRunner.RunAsync(new() { Path = node, Arguments = ["--experimental-websocket", .. arguments] }, null, 1024 * 1024, limit.Token)
            : null;
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>URLs, what is refused, and clients that mean no good.</summary>
public sealed class StreamingUrlTests(Suite suite)
{
    private const string Handshake =
        "POST {0} HTTP/1.1\r\nHost: berth\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n";

    [Fact]
    public async Task Url_IsGoodOnce_ForItsKindAndItsToken()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        using var http = new HttpClient();
        var url = await ExecAsync(id);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync(url)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(url)).StatusCode);
        var other = (await ExecAsync(id)).ToString().Replace("/exec/", "/attach/", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsync(other, null)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(url, "/exec/guessed"))).StatusCode);
        Assert.Equal("127.0.0.1", url.Host);
        // 128 bits in base64url have 22 characters.
        Assert.InRange(url.Segments[^1].Length, 22, 64);
    }

    [Theory]
    [InlineData("v9.channel.k8s.io", HttpStatusCode.Forbidden)]
    [InlineData(null, HttpStatusCode.BadRequest)]
    public async Task Upgrade_WithoutACommonProtocol_SaysWhichThereAre(string? offered, HttpStatusCode status)
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, await ExecAsync(id));
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.ParseAdd("SPDY/3.1");
        if (offered is not null)
        {
            request.Headers.Add("X-Stream-Protocol-Version", offered);
        }

        using var response = await http.SendAsync(request);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal(offered is not null, response.Headers.TryGetValues("X-Accepted-Stream-Protocol-Versions", out var known) && known.Contains("v4.channel.k8s.io"));
    }

    [Fact]
    public async Task Requests_ThatCannotWork_AreRefusedWithoutAUrl()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        var created = await pod.CreateAsync(Requests.Idle("other"));
        await RefusedAsync(StatusCode.InvalidArgument, new() { ContainerId = id, Cmd = { "sh" } });
        await RefusedAsync(StatusCode.InvalidArgument, new() { ContainerId = id, Cmd = { "sh" }, Tty = true, Stdout = true, Stderr = true });
        await RefusedAsync(StatusCode.InvalidArgument, new() { ContainerId = id, Stdout = true });
        await RefusedAsync(StatusCode.InvalidArgument, new() { Cmd = { "sh" }, Stdout = true });
        await RefusedAsync(StatusCode.NotFound, new() { ContainerId = "nothing", Cmd = { "sh" }, Stdout = true });
        await RefusedAsync(StatusCode.FailedPrecondition, new() { ContainerId = created, Cmd = { "sh" }, Stdout = true });
        var error = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.PortForwardAsync(new() { PodSandboxId = "nothing" }));
        Assert.Equal(StatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task ThousandUrls_NobodyUses_TheNextIsRefused()
    {
        await using var gateway = await suite.OwnGatewayAsync();
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "crun");
        for (var i = 0; i < 1000; i++)
        {
            await gateway.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id });
        }

        var error = await Assert.ThrowsAsync<RpcException>(async () => await gateway.Client.Runtime.PortForwardAsync(new() { PodSandboxId = pod.Id }));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
    }

    [Fact]
    public async Task Garbage_AfterTheUpgrade_EndsTheConnectionAlone()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        byte[][] pieces =
        [
            "GET / HTTP/1.1\r\n\r\n"u8.ToArray(),
            [0x80, 2, 0, 1, 0, 0, 0, 0],
            [0x80, 3, 0, 1, 0, 0xFF, 0xFF, 0xFF],
            [0x80, 3, 0, 1, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xDE, 0xAD],
            [0x80, 3, 0, 6, 0, 0, 0, 0],
            Enumerable.Repeat((byte)0xFF, 1 << 20).ToArray(),
        ];
        // Beside each other: some look like the beginning of something, for which the gateway waits half a minute.
        await Task.WhenAll(pieces.Select(async garbage =>
        {
            using var client = await UpgradeAsync(await ExecAsync(id));
            await SendQuietlyAsync(client, garbage);
            await EndAsync(client);
        }));

        // The gateway is as well as before.
        Assert.Equal((0, "well\n", ""), await pod.ExecAsync(id, "echo", "well"));
    }

    [Fact]
    public async Task HugeFrame_ForAStreamThatIsNotOpen_IsDroppedAsItComes()
    {
        await using var pod = await suite.PodAsync();
        var id = await pod.StartAsync(Requests.Idle());
        using var client = await UpgradeAsync(await ExecAsync(id));
        await client.SendAsync(new byte[] { 0, 0, 0, 7, 0, 0xFF, 0xFF, 0xFF });
        var piece = new byte[1 << 16];
        for (var left = 0xFFFFFF; left > 0; left -= piece.Length)
        {
            await client.SendAsync(piece.AsMemory(0, Math.Min(left, piece.Length)));
        }

        // A ping is answered: the frame was read to its end.
        byte[] ping = [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1];
        await client.SendAsync(ping);
        var answer = new byte[ping.Length];
        await ReadExactlyAsync(client, answer);
        Assert.Equal(ping, answer);
    }

    private async Task RefusedAsync(StatusCode code, ExecRequest request)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await suite.Client.Runtime.ExecAsync(request));
        Assert.Equal(code, error.StatusCode);
    }

    private async Task<Uri> ExecAsync(string id) =>
        new((await suite.Client.Runtime.ExecAsync(new() { ContainerId = id, Cmd = { "cat" }, Stdin = true, Stdout = true })).Url);

    private static async Task<Socket> UpgradeAsync(Uri url)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(url.Host, url.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(Handshake.Replace("{0}", url.AbsolutePath, StringComparison.Ordinal)));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await ReadExactlyAsync(socket, one);
            head.Append((char)one[0]);
        }

        Assert.StartsWith("HTTP/1.1 101 ", head.ToString(), StringComparison.Ordinal);
        return socket;
    }

    private static async Task ReadExactlyAsync(Socket socket, byte[] buffer)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var stream = new NetworkStream(socket);
        await stream.ReadExactlyAsync(buffer, limit.Token);
    }

    // Until the server hangs up, at the latest when no stream was opened in its 30 s; it may do so in the middle of what is sent.
    private static async Task EndAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        try
        {
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer, limit.Token) > 0)
            {
                // What it says before.
            }
        }
        catch (SocketException)
        {
            return;
        }
    }

    private static async Task SendQuietlyAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            return;
        }
    }
}

using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Sessions in which nothing moves, over both transports.</summary>
public sealed class StreamingIdleTests(Suite suite)
{
    [Fact]
    public async Task SilentSession_IsEnded_AndItsCommandWithIt()
    {
        await suite.RequireAsync("crun");
        await using var gateway = await suite.OwnGatewayAsync(static settings => settings["streaming"] = new JsonObject { ["idleSeconds"] = 1 });
        await using var pod = await TestPod.RunAsync(gateway.Client, gateway.Logs, "crun");
        var id = await pod.StartAsync(Requests.Idle());

        await using (var client = await ChannelClient.ConnectAsync(await SleepAsync(gateway, id, "4711"), "v5.channel.k8s.io"))
        {
            // Cut off, and not closed in good order.
            await Assert.ThrowsAsync<WebSocketException>(client.ReadToEndAsync);
        }

        await GoneAsync(pod, id, "4711");
        if (SpdyClient.Missing is null)
        {
            var result = await SpdyClient.RunAsync(["console", "-url", await SleepAsync(gateway, id, "4712"), "-stdout"]);
            Assert.DoesNotContain("Success", result.OutputText, StringComparison.Ordinal);
            await GoneAsync(pod, id, "4712");
        }
    }

    private static async Task<string> SleepAsync(Gateway gateway, string id, string seconds) =>
        (await gateway.Client.Runtime.ExecAsync(new ExecRequest { ContainerId = id, Cmd = { "sleep", seconds }, Stdout = true })).Url;

    private static async Task GoneAsync(TestPod pod, string id, string seconds) => _ = await Wait.ForAsync(
        async () => (await pod.ExecAsync(id, "ps", "-o", "args")).Output,
        output => !output.Contains($"sleep {seconds}", StringComparison.Ordinal),
        TimeSpan.FromSeconds(30));
}

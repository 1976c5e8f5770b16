using System.Net.Sockets;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

public sealed class PortMappingTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task HostPort_ServerInPod_IsReachedFromTheNode(string handler)
    {
        var port = FreePort.Next();
        await using var pod = await suite.PodAsync(handler, c => c.PortMappings.Add(new Cri.Protos.PortMapping { ContainerPort = 8080, HostPort = port }));
        await pod.StartAsync(Requests.Script("server", "echo served > /tmp/index.html; httpd -f -p 8080 -h /tmp"));
        using var http = new HttpClient();

        async Task<string> AskAsync(string host, int at)
        {
            try
            {
                return await http.GetStringAsync($"http://{host}:{at}/");
            }
            catch (HttpRequestException)
            {
                return "";
            }
        }

        var ip = (await pod.StatusAsync()).Network.Ip;
        await Wait.ForAsync(() => AskAsync(ip, 8080), static a => a == "served\n", TimeSpan.FromSeconds(10));
        Assert.Equal("served\n", await AskAsync("127.0.0.1", port));

        await suite.Client.Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id });
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(() => socket.ConnectAsync("127.0.0.1", port));
    }
}

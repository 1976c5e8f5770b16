using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>Addresses of both families, and ports of the node by protocol, family and address.</summary>
public sealed class PodNetworkTests(DualStack stack, Suite suite) : IClassFixture<DualStack>
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Status_DualStack_HasBothAddresses(string handler)
    {
        await using var pod = await stack.PodAsync(handler);
        var network = (await pod.StatusAsync()).Network;
        Assert.True(stack.Gateway.Network.Subnet.Contains(IPAddress.Parse(network.Ip)), network.Ip);
        var second = Assert.Single(network.AdditionalIps).Ip;
        Assert.True(stack.Subnet.Contains(IPAddress.Parse(second)), second);
        var output = await pod.OutputAsync(Requests.Script("look", "cat /etc/hosts; ip addr show eth0"));
        Assert.All((string[])[network.Ip + "\tpod", second + "\tpod", $"inet {network.Ip}/", $"inet6 {second}/"], text => Assert.Contains(text, output, StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task HostPorts_TcpAndUdp_AreReachedOnEveryAddressOrTheOneAskedFor(string handler)
    {
        var (tcp, udp, local) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        await using var pod = await stack.PodAsync(handler, c => c.PortMappings.Add([
            new() { ContainerPort = 80, HostPort = tcp },
            new() { ContainerPort = 53, HostPort = udp, Protocol = Protocol.Udp },
            new() { ContainerPort = 80, HostPort = local, HostIp = "127.0.0.1" }]));
        var bridge = new IPAddress(Add(stack.Gateway.Network.Subnet.BaseAddress.GetAddressBytes(), 1));
        using var servers = new PodServers(stack.Gateway.NetworkNamespace(pod.Id));
        servers.Serve(AddressFamily.InterNetwork, ProtocolType.Tcp, 80, "tcp4");
        servers.Serve(AddressFamily.InterNetworkV6, ProtocolType.Tcp, 80, "tcp6");
        servers.Serve(AddressFamily.InterNetwork, ProtocolType.Udp, 53, "udp4");
        servers.Serve(AddressFamily.InterNetworkV6, ProtocolType.Udp, 53, "udp6");

        await Wait.ForAsync(stack.IsNodeThere, AnswerTime);
        Assert.Equal("tcp4", await AskAsync(ProtocolType.Tcp, IPAddress.Loopback, tcp));
        Assert.Equal("tcp4", await AskAsync(ProtocolType.Tcp, bridge, tcp));
        Assert.Equal("tcp6", await AskAsync(ProtocolType.Tcp, stack.Node, tcp));
        Assert.Equal("udp4", await AskAsync(ProtocolType.Udp, bridge, udp));
        Assert.Equal("udp6", await AskAsync(ProtocolType.Udp, stack.Node, udp));
        Assert.Equal("tcp4", await AskAsync(ProtocolType.Tcp, IPAddress.Loopback, local));
        await Assert.ThrowsAsync<SocketException>(() => AskAsync(ProtocolType.Tcp, bridge, local));
        await Assert.ThrowsAsync<SocketException>(() => AskAsync(ProtocolType.Tcp, stack.Node, local));
    }

    [Fact]
    public async Task HostPort_Sctp_IsPublishedOrRefusedWithTheRemedy()
    {
        async Task<TestPod> RunAsync() =>
            await suite.PodAsync(change: c => c.PortMappings.Add(new PortMapping { ContainerPort = 80, HostPort = FreePort.Next(), Protocol = Protocol.Sctp }));
        if (Kernel.HasSctp)
        {
            await using var pod = await RunAsync();
            var rules = await CommandRunner.RunAsync(new Command { Path = "iptables-save", Arguments = ["-t", "nat"] }, null, 1 << 20, CancellationToken.None);
            Assert.Contains(rules.OutputText.Split('\n'), r => r.Contains(pod.Id, StringComparison.Ordinal) && r.Contains("-p sctp", StringComparison.Ordinal));
            return;
        }

        var error = await Assert.ThrowsAsync<RpcException>(RunAsync);
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
        Assert.Contains("modprobe sctp", error.Status.Detail, StringComparison.Ordinal);
    }

    // What the server behind an address says.
    private static async Task<string> AskAsync(ProtocolType protocol, IPAddress address, int port)
    {
        using var limit = new CancellationTokenSource(Patience.Of(AnswerTime));
        using var socket = new Socket(address.AddressFamily, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol);
        await socket.ConnectAsync(address, port, limit.Token);
        await socket.SendAsync("?"u8.ToArray(), limit.Token);
        var answer = new byte[16];
        return Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer, limit.Token));
    }

    private static byte[] Add(byte[] address, byte number)
    {
        address[^1] += number;
        return address;
    }
}

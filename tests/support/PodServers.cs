using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>Servers of this process in a pod's network namespace: each answers whoever asks with its name.</summary>
public sealed class PodServers(string networkNamespace) : IDisposable
{
    private readonly List<Socket> _sockets = [];

    public void Serve(AddressFamily family, ProtocolType protocol, int port, string name)
    {
        var type = protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram;
        var any = family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any;
        var socket = Namespaces.InNetwork(networkNamespace, () => new Socket(family, type, protocol));
        _sockets.Add(socket);
        if (family == AddressFamily.InterNetworkV6)
        {
            socket.DualMode = false;
        }

        socket.Bind(new IPEndPoint(any, port));
        var answer = Encoding.ASCII.GetBytes(name);
        if (protocol == ProtocolType.Tcp)
        {
            socket.Listen();
            _ = AnswerCallsAsync(socket, answer);
        }
        else
        {
            _ = AnswerPacketsAsync(socket, any, port, answer);
        }
    }

    public void Dispose() => _sockets.ForEach(static s => s.Dispose());

    private static async Task AnswerCallsAsync(Socket listener, byte[] answer)
    {
        while (true)
        {
            using var client = await listener.AcceptAsync();
            await client.SendAsync(answer);
        }
    }

    private static async Task AnswerPacketsAsync(Socket socket, IPAddress any, int port, byte[] answer)
    {
        var packet = new byte[16];
        while (true)
        {
            var asked = await socket.ReceiveFromAsync(packet, new IPEndPoint(any, port));
            await socket.SendToAsync(answer, asked.RemoteEndPoint);
        }
    }
}

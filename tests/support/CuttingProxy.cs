using System.Net;
using System.Net.Sockets;

namespace Berth.Tests.Support;

/// <summary>Stands before a server and cuts every connection after so many bytes of its answers.</summary>
public sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _server;
    private readonly int _bytes;
    private int _cuts;

    public CuttingProxy(string server, int bytes)
    {
        (_server, _bytes) = (IPEndPoint.Parse(server), bytes);
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>host:port.</summary>
    public string Host => _listener.LocalEndpoint.ToString()!;

    /// <summary>Connections that it has cut.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            _ = ServeAsync(await _listener.AcceptTcpClientAsync());
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(_server);
            await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream()), AnswerAsync(server.GetStream(), client.GetStream()));
        }
    }

    private async Task AnswerAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[16 * 1024];
        for (var left = _bytes; left > 0;)
        {
            var count = await from.ReadAsync(buffer.AsMemory(0, Math.Min(buffer.Length, left)));
            if (count == 0)
            {
                return;
            }

            await to.WriteAsync(buffer.AsMemory(0, count));
            left -= count;
        }

        Interlocked.Increment(ref _cuts);
    }
}

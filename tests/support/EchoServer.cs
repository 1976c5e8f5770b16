using System.Net;
using System.Net.Sockets;
using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A server on the loopback of a network namespace that sends back what it gets, and closes when its client does.</summary>
public sealed class EchoServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly Task _accepting;
    private int _open;

    /// <param name="networkNamespace">Its path; null is this process's own.</param>
    /// <param name="v6">Listens on IPv6 alone.</param>
    public EchoServer(string? networkNamespace, bool v6 = false)
    {
        _listener = new(new SafeSocketHandle(PodSocket.Create(networkNamespace, v6).Release(), ownsHandle: true));
        _listener.Bind(new IPEndPoint(v6 ? IPAddress.IPv6Loopback : IPAddress.Loopback, 0));
        _listener.Listen(128);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Connections that have not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        Interlocked.Increment(ref _open);
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await stream.CopyToAsync(stream);
        }
        catch (IOException)
        {
            // The other side went away: an end as any other.
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}

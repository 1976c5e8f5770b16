using System.Net;
using System.Net.Sockets;

namespace Berth.Tests.Support;

public static class FreePort
{
    /// <summary>A TCP port of the loopback address that nothing listens on now.</summary>
    public static int Next()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

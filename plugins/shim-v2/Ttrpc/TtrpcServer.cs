using System.Net.Sockets;
using Berth.Plugins.ShimV2.Protocol;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2.Ttrpc;

/// <summary>Serves unary calls on a Unix socket that only its owner may use.</summary>
internal sealed class TtrpcServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Func<Request, Response> _serve;

    /// <summary>Listens; what is at the path is taken for the socket of an earlier process.</summary>
    public TtrpcServer(string path, Func<Request, Response> serve)
    {
        _serve = serve;
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _listener.Listen();
        _ = AcceptAsync();
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptAsync().ConfigureAwait(false));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed of.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var stream = new NetworkStream(socket, ownsSocket: true);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                while (await Frame.ReadAsync(stream, CancellationToken.None).ConfigureAwait(false) is { } frame)
                {
                    if (frame.Type == Frame.Request)
                    {
                        var response = _serve(Request.Parser.ParseFrom(frame.Data));
                        await stream.WriteAsync(new Frame(frame.Stream, Frame.Response, response.ToByteArray()).ToBytes()).ConfigureAwait(false);
                    }
                }
            }
            catch (Exception e) when (e is IOException or InvalidDataException or ObjectDisposedException or InvalidProtocolBufferException)
            {
                // A client that breaks the protocol, or leaves, costs its own connection only.
            }
        }
    }
}

using System.Net.Sockets;
using Berth.Cri.Protos;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Berth.Tests.Support;

/// <summary>What a kubelet holds: the services behind one Unix socket.</summary>
public sealed class CriClient : IDisposable
{
    private const int MaxMessageBytes = 64 * 1024 * 1024;
    private static readonly TimeSpan AnswerTime = Patience.Of(TimeSpan.FromSeconds(10));
    private readonly GrpcChannel _channel;

    public CriClient(string socketPath)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _channel = GrpcChannel.ForAddress("http://localhost", new() { HttpHandler = handler, MaxReceiveMessageSize = MaxMessageBytes, DisposeHttpClient = true });
        var invoker = _channel.Intercept(new DefaultDeadline());
        Runtime = new(invoker);
        Images = new(invoker);
        Admin = new(invoker);
        Raw = new(invoker);
    }

    public RuntimeService.RuntimeServiceClient Runtime { get; }

    public ImageService.ImageServiceClient Images { get; }

    public Admin.Protos.Admin.AdminClient Admin { get; }

    /// <summary>Any bytes to any method.</summary>
    public RawCalls Raw { get; }

    /// <summary>Whether a server answers.</summary>
    public async Task<bool> AnswersAsync()
    {
        try
        {
            await Runtime.VersionAsync(new() { Version = "v1" }, deadline: DateTime.UtcNow + AnswerTime);
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    public void Dispose() => _channel.Dispose();
}

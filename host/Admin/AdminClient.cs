using System.Net.Sockets;
using Berth.Admin.Protos;
using Grpc.Core;
using Grpc.Net.Client;

namespace Berth.Admin;

/// <summary>Talks to a live gateway over its socket. Every failure is an <see cref="AdminException"/> with one clear line.</summary>
public sealed class AdminClient : IDisposable
{
    private const string Scheme = "unix://";

    private readonly string _path;
    private readonly GrpcChannel _channel;
    private readonly Protos.Admin.AdminClient _api;

    /// <param name="socket">A path, with or without <c>unix://</c>.</param>
    public AdminClient(string socket)
    {
        _path = socket.StartsWith(Scheme, StringComparison.Ordinal) ? socket[Scheme.Length..] : socket;
        // The address only names the protocol: the handler connects to the socket whatever it says.
        _channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = Handler(_path), DisposeHttpClient = true });
        _api = new(_channel);
    }

    public Task<ListPodsResponse> ListPodsAsync(CancellationToken cancellationToken) =>
        CallAsync(_api.ListPodsAsync(new(), cancellationToken: cancellationToken));

    public Task<ListHandlersResponse> ListHandlersAsync(CancellationToken cancellationToken) =>
        CallAsync(_api.ListHandlersAsync(new(), cancellationToken: cancellationToken));

    public Task<ListPluginsResponse> ListPluginsAsync(CancellationToken cancellationToken) =>
        CallAsync(_api.ListPluginsAsync(new(), cancellationToken: cancellationToken));

    public Task<ListPluginsResponse> ReloadAsync(CancellationToken cancellationToken) =>
        CallAsync(_api.ReloadAsync(new(), cancellationToken: cancellationToken));

    public Task<ListPluginsResponse> ReleaseAsync(string plugin, CancellationToken cancellationToken) =>
        CallAsync(_api.ReleasePluginAsync(new() { Plugin = plugin }, cancellationToken: cancellationToken));

    public Task<ExplainResponse> ExplainAsync(ExplainRequest request, CancellationToken cancellationToken) =>
        CallAsync(_api.ExplainAsync(request, cancellationToken: cancellationToken));

    public Task<DoctorResponse> DoctorAsync(CancellationToken cancellationToken) =>
        CallAsync(_api.DoctorAsync(new(), cancellationToken: cancellationToken));

    public Task<ImportImageResponse> ImportImageAsync(ImportImageRequest request, CancellationToken cancellationToken) =>
        CallAsync(_api.ImportImageAsync(request, cancellationToken: cancellationToken));

    /// <summary>Pulls; the image at last.</summary>
    public async Task<ImportedImage> PullImageAsync(PullImageRequest request, Action<PullImageProgress> show, CancellationToken cancellationToken)
    {
        using var call = _api.PullImage(request, cancellationToken: cancellationToken);
        return await TellAsync(async () =>
        {
            ImportedImage? image = null;
            await foreach (var progress in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                show(progress);
                image = progress.Image;
            }

            return image ?? throw new RpcException(new(StatusCode.Internal, "the gateway ended the pull without an image"));
        });
    }

    public void Dispose() => _channel.Dispose();

    private static SocketsHttpHandler Handler(string path) => new()
    {
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    private async Task<T> CallAsync<T>(AsyncUnaryCall<T> call)
    {
        using (call)
        {
            return await TellAsync(() => call.ResponseAsync);
        }
    }

    private async Task<T> TellAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable && e.Status.DebugException is { } cause)
        {
            var isDenied = cause.GetBaseException() is SocketException { SocketErrorCode: SocketError.AccessDenied };
            var reason = isDenied ? "this user may not use it; try sudo"
                : File.Exists(_path) ? "nobody listens there; is `berth serve` running?"
                : "there is no such socket; is `berth serve` running, and is this its --listen?";
            throw new AdminException($"cannot reach the gateway at {_path}: {reason}", e) { IsAbsent = !isDenied };
        }
        catch (RpcException e)
        {
            throw new AdminException(e.StatusCode == StatusCode.Cancelled ? "cancelled" : e.Status.Detail, e);
        }
    }
}

/// <summary>The gateway cannot be reached, or refuses.</summary>
public sealed class AdminException(string message, Exception innerException) : Exception(message, innerException)
{
    /// <summary>There is no gateway.</summary>
    public bool IsAbsent { get; init; }
}

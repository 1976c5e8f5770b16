using System.Collections.Concurrent;
using System.Net.Sockets;
using Berth.Cri;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Protos = Berth.Cri.Protos;

namespace Berth.Tests.Unit.Cri;

/// <summary>The gateway's own gRPC server on a socket in a temporary folder, with a service of the test's behind it.</summary>
internal sealed class CriServer : IAsyncDisposable, ILoggerProvider, ILogger
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cri-");
    private readonly TaskCompletionSource<(string Method, string Code)> _firstRecord = new();
    private WebApplication? _app;
    private GrpcChannel? _channel;

    public ConcurrentQueue<(string Method, string Code)> Recorded { get; } = new();

    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

    public string SocketPath => Path.Combine(_folder.FullName, "run", "berth.sock");

    public Protos.RuntimeService.RuntimeServiceClient Client => new(_channel);

    /// <summary>The server may count a call after its caller has given up.</summary>
    public Task<(string Method, string Code)> FirstRecordAsync() => _firstRecord.Task;

    public async Task StartAsync<TService>(TService service)
        where TService : Protos.RuntimeService.RuntimeServiceBase
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(this).SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddCri(_ => (method, code, _) =>
        {
            Recorded.Enqueue((method, code));
            _firstRecord.TrySetResult((method, code));
        }, static _ => static _ => null);
        builder.Services.AddSingleton(service);
        builder.WebHost.ListenOnUnixSocket($"unix://{SocketPath}");
        _app = builder.Build();
        _app.MapGrpcService<TService>();
        await _app.StartAsync();
        _channel = GrpcChannel.ForAddress("http://localhost", new() { HttpHandler = new SocketsHttpHandler { ConnectCallback = ConnectAsync } });
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    ILogger ILoggerProvider.CreateLogger(string categoryName) => this;

    void IDisposable.Dispose()
    {
        // The lines stay readable after the server has ended.
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id is >= 100 and < 200 && state?.ToString() is { } text)
        {
            Lines.Enqueue((logLevel, exception is null ? text : $"{text} {exception}"));
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}

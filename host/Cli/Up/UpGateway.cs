using System.Net.Sockets;
using Berth.Abstractions;
using Berth.Cri.Protos;
using Berth.Linux;
using Grpc.Core;
using Grpc.Net.Client;

namespace Berth.Cli.Up;

/// <summary><c>berth serve</c> as a child process, and the client that a kubelet would be.</summary>
internal sealed class UpGateway : IAsyncDisposable
{
    private const int SigKill = 9, SigTerm = 15;
    // Long, for emulated processors; a gateway that fails ends, and that is noticed at once.
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan EndTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(20);

    private readonly ChildProcess _child;
    private readonly GrpcChannel _channel;
    private readonly string _log;

    private UpGateway(ChildProcess child, UpFolders folders)
    {
        (_child, _log) = (child, folders.Log);
        _channel = Connect(folders.Socket);
        Runtime = new(_channel);
        Admin = new(_channel);
        Ended = child.WaitAsync(CancellationToken.None);
    }

    public RuntimeService.RuntimeServiceClient Runtime { get; }

    public Admin.Protos.Admin.AdminClient Admin { get; }

    /// <summary>The child's exit status; it ends early only by a failure.</summary>
    public Task<int> Ended { get; }

    public static async Task<UpGateway> StartAsync(UpFolders folders, CancellationToken cancellationToken)
    {
        await using var log = new FileStream(folders.Log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        using var output = SafeFd.Duplicate((int)log.SafeFileHandle.DangerousGetHandle());
        var command = Serve(folders) with { Descriptors = new Dictionary<int, SafeFd> { [1] = output, [2] = output } };
        var gateway = new UpGateway(ChildProcess.Start(command), folders);
        try
        {
            await gateway.AnswersAsync(cancellationToken);
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Removes every pod, those of an earlier run that was killed among them; one that resists does not keep the others.</summary>
    public async Task RemovePodsAsync(CancellationToken cancellationToken)
    {
        var failures = new List<string>();
        foreach (var pod in (await Runtime.ListPodSandboxAsync(new(), cancellationToken: cancellationToken)).Items)
        {
            try
            {
                await Runtime.StopPodSandboxAsync(new() { PodSandboxId = pod.Id }, cancellationToken: cancellationToken);
                await Runtime.RemovePodSandboxAsync(new() { PodSandboxId = pod.Id }, cancellationToken: cancellationToken);
            }
            catch (RpcException e)
            {
                failures.Add($"{pod.Metadata.Name}: {e.Status.Detail}");
            }
        }

        if (failures.Count > 0)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"pods are left; the next `berth up` tries again to remove them: {string.Join("; ", failures)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        _child.Signal(SigTerm);
        try
        {
            await Ended.WaitAsync(EndTime);
        }
        catch (TimeoutException)
        {
            _child.Signal(SigKill);
            await Ended;
        }

        _child.Dispose();
    }

    // A group of its own: Ctrl-C is for this process, which needs the gateway to clean up.
    private static Command Serve(UpFolders folders)
    {
        string[] arguments = ["serve", "--config", folders.Configuration];
        var (path, own) = Environment.ProcessPath is { } process && Path.GetFileName(process) != "dotnet"
            ? (process, arguments)
            : (Environment.ProcessPath ?? "dotnet", [Path.Combine(AppContext.BaseDirectory, "berth.dll"), .. arguments]);
        return new()
        {
            Path = path,
            Arguments = own,
            // As in the unit file: see deploy/berth.service.
            Environment = new Dictionary<string, string> { ["DOTNET_GCgen0size"] = "0x200000", ["DOTNET_ROOT"] = Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "" },
            NewProcessGroup = true,
        };
    }

    private async Task AnswersAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartTime);
        while (true)
        {
            try
            {
                await Runtime.VersionAsync(new(), cancellationToken: limit.Token);
                return;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable && !Ended.IsCompleted && !limit.IsCancellationRequested)
            {
                await Task.Delay(AskAgain, cancellationToken);
            }
            catch (RpcException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException e)
            {
                throw RuntimeException.Unavailable($"the gateway did not start ({e.Status.Detail}); its log says:\n{await File.ReadAllTextAsync(_log, CancellationToken.None)}", e);
            }
        }
    }

    private static GrpcChannel Connect(string path)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        return GrpcChannel.ForAddress("http://localhost", new() { HttpHandler = handler, DisposeHttpClient = true });
    }
}

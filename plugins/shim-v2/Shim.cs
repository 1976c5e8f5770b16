using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.ShimV2.Protocol;
using Berth.Plugins.ShimV2.Ttrpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Berth.Plugins.ShimV2;

/// <summary>A shim that lives: a connection to its Task service, and its process. One serves a pod, or where a runtime wants it so, one container.</summary>
internal sealed class Shim : IAsyncDisposable
{
    // Creating boots a virtual machine, or mounts volumes; the caller's own deadline comes first.
    private static readonly TimeSpan CreateLimit = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private readonly TtrpcClient _client;
    private readonly PidFd? _process;
    private volatile bool _letGo;

    private Shim(Bootstrap bootstrap, TtrpcClient client, PidFd? process)
    {
        (Bootstrap, _client, _process) = (bootstrap, client, process);
        StartTime = process is null ? 0 : PidFd.StartTime(process.Pid);
        Ended = EndAsync();
    }

    public Bootstrap Bootstrap { get; }

    /// <summary>Its process id; 0 if it does not tell.</summary>
    public int Pid => _process?.Pid ?? 0;

    /// <summary>When it started, in clock ticks since boot.</summary>
    public ulong StartTime { get; }

    /// <summary>Completes when it answers no more, also for that it was let go.</summary>
    public Task Ended { get; }

    /// <summary>The handler was disposed of, and its pods run on: another object looks after the shim.</summary>
    public bool IsLetGo => _letGo;

    /// <summary>Connects to it, or returns null if nobody answers there.</summary>
    public static async Task<Shim?> TryConnectAsync(Bootstrap bootstrap, string id, string ns, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ConnectLimit);
        TtrpcClient? client = null;
        try
        {
            client = await TtrpcClient.ConnectAsync(bootstrap.Address, ns, limit.Token).ConfigureAwait(false);
            var answer = await client.CallAsync(
                bootstrap.Service, "Connect", new ProcessRequest { Id = id }, ConnectResponse.Parser, ConnectLimit, limit.Token).ConfigureAwait(false);
            return new(bootstrap, client, answer.ShimPid is > 1 and <= int.MaxValue ? PidFd.TryOpen((int)answer.ShimPid) : null);
        }
        catch (TtrpcException e) when (client is not null && e.Code is not (TtrpcCode.Unavailable or TtrpcCode.DeadlineExceeded))
        {
            // Some shims answer it only for a container that exists.
            return new(bootstrap, client, null);
        }
        catch (Exception e) when (e is TtrpcException or OperationCanceledException)
        {
            if (client is not null)
            {
                await client.DisposeAsync().ConfigureAwait(false);
            }

            cancellationToken.ThrowIfCancellationRequested();
            return null;
        }
    }

    public Task<PidResponse> CreateAsync(CreateRequest request, CancellationToken cancellationToken) => CallAsync("Create", request, PidResponse.Parser, CreateLimit, cancellationToken);

    public Task<PidResponse> StartAsync(string id, string execId, CancellationToken cancellationToken) =>
        CallAsync("Start", new ProcessRequest { Id = id, ExecId = execId }, PidResponse.Parser, Limit, cancellationToken);

    public Task<StateResponse> StateAsync(string id, CancellationToken cancellationToken) =>
        CallAsync("State", new ProcessRequest { Id = id }, StateResponse.Parser, Limit, cancellationToken);

    /// <summary>Waits for the end of a process, as long as it takes; once the shim was let go, for ever, for another object tells of the end.</summary>
    public async Task<WaitResponse> WaitAsync(string id, string execId)
    {
        try
        {
            return await CallAsync("Wait", new ProcessRequest { Id = id, ExecId = execId }, WaitResponse.Parser, null, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TtrpcException) when (_letGo)
        {
            return await new TaskCompletionSource<WaitResponse>().Task.ConfigureAwait(false);
        }
    }

    public Task ExecAsync(Protocol.ExecRequest request, CancellationToken cancellationToken) => CallAsync("Exec", request, Empty.Parser, Limit, cancellationToken);

    public Task UpdateAsync(UpdateRequest request, CancellationToken cancellationToken) => CallAsync("Update", request, Empty.Parser, Limit, cancellationToken);

    public Task<StatsResponse> StatsAsync(string id, CancellationToken cancellationToken) =>
        CallAsync("Stats", new ProcessRequest { Id = id }, StatsResponse.Parser, Limit, cancellationToken);

    public Task ResizeAsync(string id, string execId, int columns, int rows, CancellationToken cancellationToken) => CallAsync(
        "ResizePty", new ResizeRequest { Id = id, ExecId = execId, Width = (uint)columns, Height = (uint)rows }, Empty.Parser, Limit, cancellationToken);

    public Task CloseStdinAsync(string id, string execId, CancellationToken cancellationToken) =>
        GoneIsFineAsync(CallAsync("CloseIO", new CloseIORequest { Id = id, ExecId = execId, Stdin = true }, Empty.Parser, Limit, cancellationToken));

    /// <summary>Sends a signal. Success if the process is gone.</summary>
    public Task KillAsync(string id, string execId, int signal, bool all, CancellationToken cancellationToken) =>
        GoneIsFineAsync(CallAsync("Kill", new KillRequest { Id = id, ExecId = execId, Signal = (uint)signal, All = all }, Empty.Parser, Limit, cancellationToken));

    /// <summary>Makes it forget a process that has ended; false if it does not know it.</summary>
    public async Task<bool> DeleteAsync(string id, string execId)
    {
        try
        {
            await CallAsync("Delete", new ProcessRequest { Id = id, ExecId = execId }, DeleteResponse.Parser, Limit, CancellationToken.None).ConfigureAwait(false);
            return true;
        }
        catch (TtrpcException e) when (IsGone(e))
        {
            return false;
        }
    }

    /// <summary>Asks it to end; it stays while it has a container.</summary>
    public async Task ShutdownAsync(string id)
    {
        try
        {
            await CallAsync("Shutdown", new ShutdownRequest { Id = id }, Empty.Parser, Limit, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TtrpcException e) when (e.Code == TtrpcCode.Unavailable)
        {
            // It ends before it has answered.
        }
    }

    /// <summary>Closes the connection to a shim that lives on.</summary>
    public ValueTask LetGoAsync()
    {
        _letGo = true;
        return DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync().ConfigureAwait(false);
        await Ended.ConfigureAwait(false);
    }

    /// <summary>The same failure as the contract knows it.</summary>
    public static RuntimeException Failure(string subject, TtrpcException e) => new(
        e.Code switch
        {
            TtrpcCode.NotFound => RuntimeErrorCode.NotFound,
            TtrpcCode.Unavailable => RuntimeErrorCode.Unavailable,
            TtrpcCode.DeadlineExceeded => RuntimeErrorCode.DeadlineExceeded,
            TtrpcCode.Unimplemented => RuntimeErrorCode.NotSupported,
            _ => RuntimeErrorCode.FailedPrecondition,
        },
        $"{subject}: the shim: {e.Message}",
        e);

    private Task<T> CallAsync<T>(string method, IMessage request, MessageParser<T> parser, TimeSpan? limit, CancellationToken cancellationToken)
        where T : IMessage<T> => _client.CallAsync(Bootstrap.Service, method, request, parser, limit, cancellationToken);

    private static async Task GoneIsFineAsync(Task call)
    {
        try
        {
            await call.ConfigureAwait(false);
        }
        catch (TtrpcException e) when (IsGone(e))
        {
            // Nothing is left to signal, or to close.
        }
    }

    // runc's shim has other codes for some of these, and runc's own words.
    private static bool IsGone(TtrpcException e) => e.Code == TtrpcCode.NotFound
        || e.Message.Contains("already finished", StringComparison.Ordinal) || e.Message.Contains("process does not exist", StringComparison.Ordinal);

    private async Task EndAsync()
    {
        await (_process is null ? _client.Closed : Task.WhenAny(_client.Closed, _process.ExitedAsync(CancellationToken.None))).ConfigureAwait(false);
        await _client.DisposeAsync().ConfigureAwait(false);
        _process?.Dispose();
    }
}

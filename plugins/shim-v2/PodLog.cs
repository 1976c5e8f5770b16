using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// The logger of one pod, a process of its own (plugins/shared/logger): started with the first container, found again after a
/// restart of the gateway, started again if it is killed. Until then output waits in the FIFOs.
/// </summary>
internal sealed class PodLog : IAsyncDisposable
{
    private const string Ok = "ok";
    private const int MaxAnswerBytes = 4096;
    private const int IdLength = 20;
    private const string Gone = "the logger has ended";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private readonly ShimTools _tools;
    private readonly string _cgroup;
    private readonly string _sandboxId;
    private readonly SemaphoreSlim _gate = new(1, 1);

    // What the logger must be told again: the command that added each container.
    private readonly ConcurrentDictionary<string, string[]> _containers = new();
    private Socket? _watch;
    private volatile bool _disposed;

    public PodLog(string sandboxId, string cgroup, ShimTools tools)
    {
        (_sandboxId, _cgroup, _tools) = (sandboxId, cgroup, tools);
        // The whole id would not fit into a socket's address together with the folder (unix(7)).
        SocketPath = Path.Combine(tools.LogSockets, sandboxId[..Math.Min(IdLength, sandboxId.Length)]);
    }

    private string SocketPath { get; }

    // One that has ended with its last container has removed its socket.
    private bool WasKilled => File.Exists(SocketPath);

    /// <summary>Begins to move a container's output into its log. A container that is known stays as it is.</summary>
    /// <exception cref="RuntimeException">The log cannot be opened, or there is no logger.</exception>
    public async Task AddAsync(string id, string output, string error, string logPath, CancellationToken cancellationToken)
    {
        string[] command = ["add", id, output, error, logPath];
        var answer = await AskLivingAsync(command, cancellationToken).ConfigureAwait(false);
        if (answer != Ok)
        {
            throw RuntimeException.Unavailable($"container {id}: its log cannot be written: {answer}");
        }

        _containers[id] = command;
    }

    /// <summary>Has it open the log's path again.</summary>
    public async Task ReopenAsync(string id, CancellationToken cancellationToken)
    {
        if (!_containers.ContainsKey(id))
        {
            return;
        }

        var answer = await AskLivingAsync(["reopen", id], cancellationToken).ConfigureAwait(false);
        if (answer != Ok)
        {
            throw RuntimeException.Unavailable($"container {id}: its log cannot be opened again: {answer}");
        }
    }

    /// <summary>A connection that gets the container's output from now on, as packets that begin with a byte for the stream.</summary>
    /// <exception cref="RuntimeException">There is no logger that has the container.</exception>
    public async Task<Socket> AttachAsync(string id, CancellationToken cancellationToken)
    {
        await EnsureAsync(id, cancellationToken).ConfigureAwait(false);
        var socket = await ConnectAsync(cancellationToken).ConfigureAwait(false) ?? throw RuntimeException.Unavailable($"container {id}: its logger is just being started; try again");
        try
        {
            var answer = await TalkAsync(socket, ["attach", id], cancellationToken).ConfigureAwait(false);
            return answer == Ok ? socket : throw RuntimeException.FailedPrecondition($"attach: container {id}: {answer}");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Waits until all output is in the log, and forgets the container; whoever holds its output open has a limited time.</summary>
    public async Task EndAsync(string id)
    {
        // The second time if the logger is killed meanwhile.
        for (var again = true; _containers.TryGetValue(id, out var command); again = false)
        {
            await EnsureAsync(id, CancellationToken.None).ConfigureAwait(false);
            var watched = _watch;
            // With its last container the logger ends, and must not be started again for it, nor for who ends it a second time.
            if (!_containers.TryRemove(id, out _))
            {
                return;
            }

            if (await AskEndAsync(id).ConfigureAwait(false) != Ok && again && WasKilled)
            {
                _containers[id] = command;
                Interlocked.CompareExchange(ref _watch, null, watched);
            }
        }
    }

    /// <summary>Makes sure that a logger holds a container's FIFOs before its shim lets go of them: what nobody has read is then gone.</summary>
    public Task HoldAsync(string id) => EnsureAsync(id, CancellationToken.None);

    // For one container, only as long as it is known.
    private async Task EnsureAsync(string? id, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (id is not null && !_containers.ContainsKey(id))
            {
                return;
            }

            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_watch is not null)
            {
                return;
            }

            var socket = await FindOrStartAsync(cancellationToken).ConfigureAwait(false);
            foreach (var command in _containers.Values)
            {
                await AskAsync(command, cancellationToken).ConfigureAwait(false);
            }

            _watch = socket;
            _ = WatchAsync(socket);
        }
        catch (ObjectDisposedException e)
        {
            throw RuntimeException.FailedPrecondition($"sandbox {_sandboxId} is being removed: {e.Message}");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Lets go of the logger, which lives on; from here on none is started.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        _disposed = true;
        _watch?.Dispose();
        _gate.Release();
    }

    /// <summary>Deletes its files, once it is gone.</summary>
    public void DeleteFiles()
    {
        if (Directory.Exists(_tools.LogSockets))
        {
            File.Delete(SocketPath);
            File.Delete(SocketPath + ".lock");
        }
    }

    // One that has just ended with its last container may be found once more; the next one takes its place.
    private async Task<Socket> FindOrStartAsync(CancellationToken cancellationToken)
    {
        var started = _tools.Clock.GetTimestamp();
        for (var failure = ""; ;)
        {
            if (await ConnectAsync(cancellationToken).ConfigureAwait(false) is { } socket)
            {
                return socket;
            }

            if (_tools.Clock.GetElapsedTime(started) > Limit)
            {
                throw RuntimeException.Unavailable($"sandbox {_sandboxId}: the logger {_tools.Logger} does not run: {failure}");
            }

            failure = await StartAsync(cancellationToken).ConfigureAwait(false);
            if (failure.Length > 0)
            {
                await Task.Delay(Pause, _tools.Clock, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // It may end between two looks, for it ends with its last container; then there is another.
    private async Task<string> AskLivingAsync(string[] command, CancellationToken cancellationToken)
    {
        var started = _tools.Clock.GetTimestamp();
        while (true)
        {
            await EnsureAsync(null, cancellationToken).ConfigureAwait(false);
            var watched = _watch;
            if (await AskAsync(command, cancellationToken).ConfigureAwait(false) is var answer && (answer != Gone || _tools.Clock.GetElapsedTime(started) > Limit))
            {
                return answer;
            }

            // The watch notices it, too, but perhaps later.
            Interlocked.CompareExchange(ref _watch, null, watched);
        }
    }

    private async Task<string> AskEndAsync(string id)
    {
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            return await AskAsync(["end", id], limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _tools.Log.Write(PluginLogLevel.Warning, $"container {id}: its output is still open {Limit.TotalSeconds:0} s after its end; the log ends here");
            return await AskAsync(["close", id], CancellationToken.None).ConfigureAwait(false);
        }
    }

    // It closes the connection only by its end.
    private async Task WatchAsync(Socket socket)
    {
        try
        {
            await socket.ReceiveAsync(new byte[1]).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The same: nobody is there any more.
        }

        Interlocked.CompareExchange(ref _watch, null, socket);
        socket.Dispose();
        if (_disposed || _containers.IsEmpty)
        {
            return;
        }

        if (!WasKilled)
        {
            // Another handler object, such as the one before a reload, has seen the containers' end.
            _containers.Clear();
            return;
        }

        try
        {
            await EnsureAsync(null, CancellationToken.None).ConfigureAwait(false);
        }
        catch (RuntimeException e)
        {
            _tools.Log.Write(PluginLogLevel.Error, $"sandbox {_sandboxId}: output waits, for its logger ended and there is no other: {e.Message}");
        }
    }

    private async Task<Socket?> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }

    private async Task<string> AskAsync(string[] command, CancellationToken cancellationToken)
    {
        using var socket = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return socket is null ? Gone : await TalkAsync(socket, command, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<string> TalkAsync(Socket socket, string[] command, CancellationToken cancellationToken)
    {
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(string.Join('\0', command)), cancellationToken).ConfigureAwait(false);
            var buffer = new byte[MaxAnswerBytes];
            var count = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
            return count == 0 ? Gone : Encoding.UTF8.GetString(buffer, 0, count);
        }
        catch (SocketException)
        {
            return Gone;
        }
    }

    // Returns once it listens, or with the reason why it does not.
    private async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_tools.LogSockets, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var output = new PipeCapture(MaxAnswerBytes, keepTail: false);
        using var error = new PipeCapture(MaxAnswerBytes, keepTail: false);
        try
        {
            var child = ChildProcess.Start(InCgroup.Wrap(
                new()
                {
                    Path = _tools.Logger,
                    Arguments = [SocketPath],
                    Descriptors = new Dictionary<int, SafeFd> { [1] = output.WriteEnd, [2] = error.WriteEnd },
                    NewSession = true,
                },
                _tools.Cgroups,
                _cgroup));
            output.WriteEnd.Dispose();
            error.WriteEnd.Dispose();
            var end = ReapAsync(child);
            await output.ReadAsync(null, cancellationToken).ConfigureAwait(false);
            if (output.ToArray().Length > 0)
            {
                return "";
            }

            await end.ConfigureAwait(false);
            await error.ReadAsync(null, cancellationToken).ConfigureAwait(false);
            return Encoding.UTF8.GetString(error.ToArray()).Trim();
        }
        catch (LinuxException e)
        {
            return e.Message;
        }
    }

    private static async Task ReapAsync(ChildProcess child)
    {
        await child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        child.Dispose();
    }
}

using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// Another process in a container: <c>runtime exec</c> in the foreground with the caller's own descriptors, so its exit status
/// is the command's and no monitor is needed. A runtime that copies output itself (runc) ends only when nobody in the
/// container holds that output open any more.
/// </summary>
internal sealed class OciExec(
    string containerId, ExecRequest request, string runtimeRoot, ContainerFiles files, ContainerCgroup cgroup, HandlerTools tools) : IProcess
{
    private const int SigKill = 9;
    private const int SigWinch = 28;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    private readonly string _pidFile = files.ExecPid(request.ExecId);
    private readonly string _processFile = files.ExecProcess(request.ExecId);
    private readonly string _logFile = files.ExecLog(request.ExecId);
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private ChildProcess? _runtime;
    private PidFd? _process;
    private TerminalBridge? _terminal;
    private (int Columns, int Rows)? _size;

    // The command's id, also after its end: the kernel gives it to nobody else while a session has it.
    private int _leader;

    // runc makes the command a session's leader, crun puts it into a new session without.
    private int _session;
    private string? _failure;

    public int Pid => _process?.Pid ?? 0;

    public Task<ProcessExit> Exit => _exit.Task;

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => _exit.Task.IsCompleted
        ? throw RuntimeException.FailedPrecondition($"exec {request.ExecId} in container {containerId} has ended")
        : RunAsync(cancellationToken));

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (tools.Options.Signals == SignalPath.Runtime)
        {
            _runtime?.Signal(signal);
            return;
        }

        if (scope == SignalScope.All)
        {
            await SignalSessionAsync(signal).ConfigureAwait(false);
        }
        else
        {
            _process?.Signal(signal);
        }

        if (_process is null)
        {
            // Where the command's id is not known, or no longer anybody's, the runtime passes the signal on.
            _runtime?.Signal(signal);
        }
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument(
                $"exec {request.ExecId} in container {containerId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        lock (_start)
        {
            _size = (columns, rows);
            ApplySize();
        }

        return Task.CompletedTask;
    }

    // Kept for the start if it comes before. The runtime is in no session of the terminal, so the kernel does not tell it; runc
    // then sets the size of the container's terminal, and crun does not, so that one is set through the command's own input.
    private void ApplySize()
    {
        if (_size is not { } size || _terminal is not { } terminal || _exit.Task.IsCompleted)
        {
            return;
        }

        terminal.Resize(size.Columns, size.Rows);
        _runtime?.Signal(SigWinch);
        using var inner = _process?.TryGetDescriptor(0);
        if (inner is not null)
        {
            _ = PseudoTerminal.TryResize(inner, size.Columns, size.Rows);
        }
    }

    private async Task SignalSessionAsync(int signal)
    {
        _session = _process is null ? _session : ProcStat.TryRead(_leader)?.Session ?? _session;
        bool IsOfSession(int pid) => (pid == _leader && _process is not null)
            || (ProcStat.TryRead(pid)?.Session is { } session && session != 0 && (session == _leader || session == _session));
        if (signal == SigKill)
        {
            await cgroup.KillAsync(IsOfSession, tools.Clock).ConfigureAwait(false);
        }
        else
        {
            cgroup.Signal(signal, IsOfSession);
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        Launch();
        var end = _runtime!.WaitAsync(CancellationToken.None);
        // The runtime makes the file, and then writes it, once the command runs. A file cannot be awaited, and this lasts milliseconds.
        while (WrittenPid() is null && !end.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(end, Task.Delay(Pause, tools.Clock, CancellationToken.None)).ConfigureAwait(false);
        }

        if (WrittenPid() is { } pid)
        {
            _leader = pid;
            lock (_start)
            {
                _process = Hold(pid);
                // One that came while the runtime was not listening yet.
                ApplySize();
            }

            _ = FollowAsync(end);
            return;
        }

        if (!end.IsCompleted)
        {
            _runtime.SignalGroup(SigKill);
        }

        await FollowAsync(end).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        throw RuntimeException.FailedPrecondition($"exec in container {containerId} cannot start: {_failure}");
    }

    private int? WrittenPid() => File.Exists(_pidFile) ? ContainerFiles.ReadNumber(_pidFile) : null;

    private void Launch()
    {
        tools.WarmUp.Begin();
        var descriptors = new Dictionary<int, SafeFd>();
        try
        {
            if (request.Terminal)
            {
                OpenTerminal(descriptors);
            }
            else
            {
                Add(descriptors, 0, request.Stdin);
                Add(descriptors, 1, request.Stdout);
                Add(descriptors, 2, request.Stderr);
            }

            _runtime = Spawn(descriptors);
            _terminal?.Begin();
        }
        catch (LinuxException e)
        {
            _terminal?.Dispose();
            _terminal = null;
            throw RuntimeException.Unavailable($"exec in container {containerId}: {e.Message}", e);
        }
        finally
        {
            foreach (var descriptor in descriptors.Values)
            {
                descriptor.Dispose();
            }
        }
    }

    private ChildProcess Spawn(Dictionary<int, SafeFd> descriptors) => ChildProcess.Start(new()
    {
        Path = tools.Runtime.Executable,
        Arguments =
        [
            .. tools.Runtime.GlobalArguments(runtimeRoot, _logFile),
            "exec", "--process", ProcessFile(), "--pid-file", _pidFile, containerId,
        ],
        Descriptors = descriptors,
        NewProcessGroup = true,
    });

    // The runtime sets a later size only after the command has begun.
    private string ProcessFile()
    {
        if (!request.Terminal || _size is not { } size)
        {
            return request.ProcessPath;
        }

        var process = JsonNode.Parse(File.ReadAllBytes(request.ProcessPath))!.AsObject();
        process["consoleSize"] = new JsonObject { ["width"] = size.Columns, ["height"] = size.Rows };
        File.WriteAllText(_processFile, process.ToJsonString());
        return _processFile;
    }

    private void OpenTerminal(Dictionary<int, SafeFd> descriptors)
    {
        lock (_start)
        {
            _terminal = TerminalBridge.Open(request, runtimeCopies: tools.Options.Signals != SignalPath.Runtime);
            ApplySize();
        }

        for (var stream = 0; stream <= 2; stream++)
        {
            descriptors[stream] = SafeFd.Duplicate(_terminal.Slave.Number);
        }
    }

    private static void Add(Dictionary<int, SafeFd> descriptors, int target, StdioEndpoint endpoint)
    {
        if (Endpoints.Open(endpoint, forWriting: target != 0) is { } descriptor)
        {
            descriptors[target] = descriptor;
        }
    }

    // A runtime whose processes the host does not see writes its own id.
    private PidFd? Hold(int pid)
    {
        var process = PidFd.TryOpen(pid);
        if (process is null || ProcStat.TryRead(pid) is not { } stat || stat.Parent != _runtime!.Pid)
        {
            process?.Dispose();
            return null;
        }

        _session = stat.Session;
        return process;
    }

    private async Task FollowAsync(Task<int> end)
    {
        var code = await end.ConfigureAwait(false);
        _failure = RuntimeLog.LastError(_logFile) ?? $"the runtime ended with status {code}";
        File.Delete(_pidFile);
        File.Delete(_logFile);
        File.Delete(_processFile);
        TerminalBridge? terminal;
        lock (_start)
        {
            (terminal, _terminal) = (_terminal, null);
        }

        if (terminal is not null)
        {
            await terminal.EndAsync().ConfigureAwait(false);
        }

        _runtime!.Dispose();
        _process?.Dispose();
        _exit.SetResult(new() { Code = code, FinishedAt = tools.Clock.GetUtcNow() });
    }
}

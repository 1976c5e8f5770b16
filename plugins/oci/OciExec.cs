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
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    private readonly string _pidFile = files.ExecPid(request.ExecId);
    private readonly string _processFile = files.ExecProcess(request.ExecId);
    private readonly string _logFile = files.ExecLog(request.ExecId);
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private readonly ExecStreams _streams = new(containerId, request, runtimeCopies: tools.Options.Signals != SignalPath.Runtime);
    private ChildProcess? _runtime;
    private PidFd? _process;

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
        _streams.Resize(columns, rows);
        return Task.CompletedTask;
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
            _process = Hold(pid);
            _streams.Begun(_process);
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
            _streams.Open(descriptors);
            _runtime = Spawn(descriptors);
            _streams.Begin(_runtime);
        }
        catch (LinuxException e)
        {
            _streams.Abandon();
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
            "exec", "--process", _streams.TryWriteSizedProcess(_processFile) ? _processFile : request.ProcessPath, "--pid-file", _pidFile, containerId,
        ],
        Descriptors = descriptors,
        NewProcessGroup = true,
    });

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
        await _streams.EndAsync().ConfigureAwait(false);
        _runtime!.Dispose();
        _process?.Dispose();
        _exit.SetResult(new() { Code = code, FinishedAt = tools.Clock.GetUtcNow() });
    }
}

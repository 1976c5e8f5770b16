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
    private readonly string _logFile = files.ExecLog(request.ExecId);
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
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

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (tools.Options.Signals == SignalPath.Runtime)
        {
            _runtime?.Signal(signal);
            return Task.CompletedTask;
        }

        if (scope == SignalScope.All)
        {
            SignalSession(signal);
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

        return Task.CompletedTask;
    }

    private void SignalSession(int signal)
    {
        _session = _process is null ? _session : ProcStat.TryRead(_leader)?.Session ?? _session;
        cgroup.Signal(signal, pid => (pid == _leader && _process is not null)
            || (ProcStat.TryRead(pid)?.Session is { } session && session != 0 && (session == _leader || session == _session)));
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        _runtime = Spawn();
        var end = _runtime.WaitAsync(CancellationToken.None);
        // The runtime writes the file once the command runs. A file cannot be awaited, and this lasts milliseconds.
        while (!File.Exists(_pidFile) && !end.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(end, Task.Delay(Pause, tools.Clock, CancellationToken.None)).ConfigureAwait(false);
        }

        if (ContainerFiles.ReadNumber(_pidFile) is { } pid)
        {
            _leader = pid;
            _process = Hold(pid);
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

    private ChildProcess Spawn()
    {
        tools.WarmUp.Begin();
        string[] verb = ["exec", "--process", request.ProcessPath, "--pid-file", _pidFile, containerId];
        var descriptors = new Dictionary<int, SafeFd>();
        try
        {
            Add(descriptors, 0, request.Stdin);
            Add(descriptors, 1, request.Stdout);
            Add(descriptors, 2, request.Stderr);
            return ChildProcess.Start(new()
            {
                Path = tools.Runtime.Executable,
                Arguments = [.. tools.Runtime.GlobalArguments(runtimeRoot, _logFile), .. verb],
                Descriptors = descriptors,
                NewProcessGroup = true,
            });
        }
        catch (LinuxException e)
        {
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

    private static void Add(Dictionary<int, SafeFd> descriptors, int target, StdioEndpoint endpoint)
    {
        if (endpoint.Descriptor is { } number)
        {
            descriptors[target] = SafeFd.Duplicate(number);
        }
        else if (endpoint.FifoPath is { } path)
        {
            descriptors[target] = SafeFd.OpenFifo(path, forWriting: target != 0);
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
        _runtime!.Dispose();
        _process?.Dispose();
        _exit.SetResult(new() { Code = code, FinishedAt = tools.Clock.GetUtcNow() });
    }
}

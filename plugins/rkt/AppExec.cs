using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Another process in an app: <c>crun exec</c> in the foreground, entered into stage 1, with the caller's own descriptors; its
/// exit status is the command's. It begins in the app's cgroup; once the command runs, what only waits for it moves to the supervisors.
/// </summary>
internal sealed class AppExec(Stage1 stage1, AppFolder app, ExecRequest request, string cgroup, Tools tools) : IProcess
{
    private const int SigKill = 9;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    private readonly string _process = app.Exec(request.ExecId, "json");
    private readonly string _pidFile = app.Exec(request.ExecId, "pid");
    private readonly string _logFile = app.Exec(request.ExecId, "log");
    private readonly ContainerCgroup _cgroup = tools.CgroupOf(cgroup);
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private readonly ExecStreams _streams = new(app.Id, request, runtimeCopies: true);
    private ChildProcess? _runtime;
    private PidFd? _command;
    private int _session;
    private string? _failure;

    public int Pid => _command?.Pid ?? 0;

    public Task<ProcessExit> Exit => _exit.Task;

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => _exit.Task.IsCompleted
        ? throw RuntimeException.FailedPrecondition($"exec {request.ExecId} in container {app.Id} has ended")
        : RunAsync(cancellationToken));

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (_command is null)
        {
            _runtime?.SignalGroup(signal);
        }
        else if (scope == SignalScope.Process)
        {
            _command.Signal(signal);
        }
        else
        {
            _session = ProcStat.TryRead(_command.Pid)?.Session ?? _session;
            _cgroup.Signal(signal, pid => (pid == _command.Pid && !_exit.Task.IsCompleted) || (_session != 0 && ProcStat.TryRead(pid)?.Session == _session));
        }

        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        _streams.Resize(columns, rows);
        return Task.CompletedTask;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        if (request.ExecId.Any(static c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
        {
            throw RuntimeException.InvalidArgument($"'{request.ExecId}' is no id of an exec: it may have letters, digits, - and _");
        }

        using var gate = Begin();
        _runtime = gate.Child;
        var end = _runtime.WaitAsync(CancellationToken.None);
        tools.Cgroups.Enter(cgroup, _runtime.Pid);
        gate.Open();
        // The runtime writes the file once the command runs. A file cannot be awaited, and this lasts milliseconds.
        while (!HasPid() && !end.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(end, Task.Delay(Pause, tools.Clock, CancellationToken.None)).ConfigureAwait(false);
        }

        if (HasPid())
        {
            Hold(int.Parse(File.ReadAllText(_pidFile), CultureInfo.InvariantCulture));
            _ = FollowAsync(end);
            return;
        }

        _runtime.SignalGroup(SigKill);
        await FollowAsync(end).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        throw RuntimeException.FailedPrecondition($"exec in container {app.Id} cannot start: {_failure}");
    }

    private bool HasPid() => File.Exists(_pidFile) && new FileInfo(_pidFile).Length > 0;

    private Gate Begin()
    {
        if (!_streams.TryWriteSizedProcess(_process))
        {
            File.Copy(request.ProcessPath, _process, overwrite: true);
        }

        string[] verb = ["exec", "--process", stage1.Seen(_process), "--pid-file", stage1.Seen(_pidFile), app.Id];
        var descriptors = new Dictionary<int, SafeFd>();
        try
        {
            _streams.Open(descriptors);
            var command = stage1.Enter(tools.Programs, tools.Programs.Runtime, [.. Runtime.GlobalArguments(stage1, stage1.Seen(_logFile)), .. verb]);
            var gate = Gate.Before(command with { Descriptors = descriptors });
            _streams.Begin(gate.Child);
            return gate;
        }
        catch (LinuxException e)
        {
            _streams.Abandon();
            throw RuntimeException.Unavailable($"exec in container {app.Id}: {e.Message}", e);
        }
        finally
        {
            foreach (var descriptor in descriptors.Values)
            {
                descriptor.Dispose();
            }
        }
    }

    private void Hold(int inner)
    {
        var members = _cgroup.Pids();
        var pid = NamespacePids.Find(members, stage1.Depth, inner);
        _command = pid > 0 ? PidFd.TryOpen(pid) : null;
        _session = _command is null ? 0 : ProcStat.TryRead(pid)?.Session ?? 0;
        _streams.Begun(_command);
        foreach (var waiting in members.Where(m => m != pid && ProcStat.TryRead(m)?.Session == _runtime!.Pid))
        {
            tools.Cgroups.Enter(stage1.Manifest.SupervisorCgroup, waiting);
        }
    }

    private async Task FollowAsync(Task<int> end)
    {
        var code = await end.ConfigureAwait(false);
        _failure = RuntimeLog.LastError(_logFile) ?? $"the runtime ended with status {code}";
        await _streams.EndAsync().ConfigureAwait(false);
        _runtime!.Dispose();
        _command?.Dispose();
        foreach (var file in Directory.Exists(app.Path) ? (string[])[_process, _pidFile, _logFile] : [])
        {
            File.Delete(file);
        }

        _exit.SetResult(new() { Code = code, FinishedAt = tools.Clock.GetUtcNow() });
    }
}

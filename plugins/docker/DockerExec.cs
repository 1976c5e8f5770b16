using Berth.Abstractions;
using Berth.Linux;
using Docker.DotNet;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// Another process in a container, by the Engine's exec. The process is one of the host: a pidfd tells of its end and takes
/// signals, which the Engine's API cannot send to an exec; its status comes from the Engine. As with runc, the end is there
/// when nobody holds the command's output open any more.
/// </summary>
internal sealed class DockerExec(string containerId, string engineId, ExecRequest request, ContainerCgroup cgroup, HandlerTools tools) : IProcess
{
    // As a shell says it of a command that cannot run.
    private const int RefusedCode = 126;
    private const int SigKill = 9;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(2), LongestPause = TimeSpan.FromMilliseconds(100);
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private (int Columns, int Rows)? _size;
    private string? _exec;
    private MultiplexedStream? _stream;
    private RunningProcess? _process;

    // Also after its end: the kernel gives the number to nobody else while a session has it. runc makes the command its leader.
    private int _leader;

    public int Pid => _leader;

    public Task<ProcessExit> Exit => _exit.Task;

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => _exit.Task.IsCompleted
        ? throw RuntimeException.FailedPrecondition($"exec {request.ExecId} in container {containerId} has ended")
        : RunAsync(cancellationToken));

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        bool IsOfSession(int pid) => ProcStat.TryRead(pid)?.Session == _leader;
        if (scope == SignalScope.Process)
        {
            _process?.Signal(signal);
        }
        else if (_leader > 0 && signal == SigKill)
        {
            await cgroup.KillAsync(IsOfSession, tools.Clock).ConfigureAwait(false);
        }
        else if (_leader > 0)
        {
            cgroup.Signal(signal, IsOfSession);
        }
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument(
                $"exec {request.ExecId} in container {containerId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        _size = (columns, rows);
        return _leader == 0 ? Task.CompletedTask : ResizeNowAsync(columns, rows, cancellationToken);
    }

    private Task ResizeNowAsync(int columns, int rows, CancellationToken cancellationToken) => tools.Engine.CallAsync(
        $"resize exec {request.ExecId}", (c, token) => c.Exec.ResizeExecTtyAsync(_exec!, new() { Width = columns, Height = rows }, token), cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken)
    {
        _stream?.CloseWrite();
        return Task.CompletedTask;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var streams = new ClientStreams($"exec in container {containerId}", request.Stdin, request.Stdout, request.Stderr, request.Terminal ? InputEnd.IsTyped : InputEnd.Closes, tools.Clock);
        try
        {
            _exec = await CreateAsync(streams, cancellationToken).ConfigureAwait(false);
            _stream = await StartAsync(_exec, cancellationToken).ConfigureAwait(false);
            var pid = await StartedAsync(cancellationToken).ConfigureAwait(false);
            if (pid == 0)
            {
                throw RuntimeException.FailedPrecondition(await ClientStreams.ReadErrorAsync(_stream).WaitAsync(cancellationToken).ConfigureAwait(false));
            }

            _process = RunningProcess.TryHold(pid, engineId);
            _leader = (int)pid;
            _ = Task.Run(() => FollowAsync(streams), CancellationToken.None);
        }
        catch (Exception e)
        {
            _stream?.Dispose();
            streams.Dispose();
            _exit.TrySetResult(new() { Code = RefusedCode, FinishedAt = tools.Clock.GetUtcNow() });
            throw e is RuntimeException { Code: not (RuntimeErrorCode.Unavailable or RuntimeErrorCode.NotSupported or RuntimeErrorCode.DeadlineExceeded) } refusal
                ? RuntimeException.FailedPrecondition($"exec in container {containerId} cannot start: {refusal.Message}")
                : e;
        }

        if (_size is { } size)
        {
            await ResizeStartedAsync(size.Columns, size.Rows, cancellationToken).ConfigureAwait(false);
        }
    }

    // A command that has ended at once needs no size.
    private async Task ResizeStartedAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        try
        {
            await ResizeNowAsync(columns, rows, cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException) when (ProcStat.TryRead(_leader) is null or { State: 'Z' })
        {
            tools.Log.Write(PluginLogLevel.Debug, $"exec {request.ExecId} in container {containerId} ended before its terminal had a size");
        }
    }

    private async Task<string> CreateAsync(ClientStreams streams, CancellationToken cancellationToken)
    {
        var process = OciSpec.ReadProcess(request.ProcessPath);
        // The Engine starts from the container's environment.
        var container = (await tools.Objects.InspectAsync(engineId, cancellationToken).ConfigureAwait(false)).Config!;
        var parameters = new ContainerExecCreateParameters
        {
            Cmd = [.. process.Args],
            Env = [.. Translation.Environment(process.Env, (container.Env ?? []).Select(Translation.NameOf))],
            WorkingDir = process.Cwd,
            User = $"{process.User.Uid}:{process.User.Gid}",
            TTY = request.Terminal,
            AttachStdin = streams.HasStdin,
            AttachStdout = streams.HasStdout,
            AttachStderr = streams.HasStderr && !request.Terminal,
        };
        return (await tools.Engine.CallAsync(
            $"exec in container {containerId}", (c, token) => c.Exec.CreateContainerExecAsync(engineId, parameters, token), cancellationToken).ConfigureAwait(false)).ID;
    }

    private Task<MultiplexedStream> StartAsync(string exec, CancellationToken cancellationToken) => tools.Engine.CallAsync(
        $"exec in container {containerId}", (c, token) => c.Exec.StartContainerExecAsync(exec, new() { TTY = request.Terminal }, token), cancellationToken);

    // The process's id, or 0 if the command cannot run; the Engine may have forgotten such an exec already.
    private async Task<long> StartedAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await AskAsync(static s => s.Pid > 0 || s is { Running: false, ExitCode: not null }, cancellationToken).ConfigureAwait(false)).Pid;
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
        {
            return 0;
        }
    }

    // The Engine has no call that waits for an exec.
    private async Task<ContainerExecInspectResponse> AskAsync(Func<ContainerExecInspectResponse, bool> wanted, CancellationToken cancellationToken)
    {
        for (var pause = FirstPause; ; pause = pause * 2 > LongestPause ? LongestPause : pause * 2)
        {
            var state = await tools.Engine.CallAsync(
                $"exec in container {containerId}", (c, token) => c.Exec.InspectContainerExecAsync(_exec!, token), cancellationToken).ConfigureAwait(false);
            if (wanted(state))
            {
                return state;
            }

            await Task.Delay(pause, tools.Clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task FollowAsync(ClientStreams streams)
    {
        ProcessExit exit;
        try
        {
            var copy = streams.CopyAsync(_stream!, untilNobodyReads: false, CancellationToken.None);
            if (_process is not null)
            {
                await _process.EndAsync(tools.Stopping).ConfigureAwait(false);
            }

            var finished = tools.Clock.GetUtcNow();
            var state = await AskAsync(static s => !s.Running, tools.Stopping).ConfigureAwait(false);
            await copy.ConfigureAwait(false);
            exit = new() { Code = (int)(state.ExitCode ?? EngineExit.LostCode) & 0xFF, FinishedAt = finished };
        }
        catch (Exception e) when (e is RuntimeException or IOException or OperationCanceledException or InvalidOperationException)
        {
            exit = EngineExit.Lost($"the Docker Engine lost it: {e.Message}", tools.Clock);
        }

        _stream!.Dispose();
        streams.Dispose();
        _process?.Dispose();
        _exit.TrySetResult(exit);
    }
}

using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>
/// A container's first process, or a pod's holder. While it runs nothing is asked of the Engine: a pidfd tells of the end, and
/// the Engine then how it was. The end is reported when the output is in the log and no process is left.
/// </summary>
internal sealed class DockerInit : IProcess
{
    private const int SigKill = 9, KilledCode = 137;
    private readonly string _id;
    private readonly string _engineId;
    private readonly ContainerCgroup _cgroup;
    private readonly LogCopy? _log;
    private readonly OomWatch _oom;
    private readonly HandlerTools _tools;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private RunningProcess? _process;
    private bool _started;

    private DockerInit(string id, string engineId, ContainerCgroup cgroup, OomWatch oom, LogCopy? log, HandlerTools tools) =>
        (_id, _engineId, _cgroup, _oom, _log, _tools, Clients) = (id, engineId, cgroup, oom, log, tools, new(tools.Clock));

    public int Pid { get; private set; }

    /// <summary>Who is attached to it.</summary>
    public AttachedClients Clients { get; }

    public Task<ProcessExit> Exit => _exit.Task;

    /// <summary>One that was just created.</summary>
    public static DockerInit Created(string id, string engineId, ContainerCgroup cgroup, OomWatch oom, LogCopy? log, HandlerTools tools) => new(id, engineId, cgroup, oom, log, tools);

    /// <summary>One that an earlier gateway process made, as the Engine has it now.</summary>
    public static DockerInit Restored(string id, ContainerInspectResponse found, ContainerCgroup cgroup, OomWatch oom, LogCopy? log, bool started, HandlerTools tools)
    {
        var init = new DockerInit(id, found.ID, cgroup, oom, log, tools);
        if (EngineObjects.Moment(found.State!.StartedAt) is not null)
        {
            oom.TryBegin();
            init.Follow(found.State);
        }
        else if (started)
        {
            init.EndRefused();
        }

        return init;
    }

    /// <summary>One of which nothing is left.</summary>
    public static DockerInit Gone(string id, string reason, ContainerCgroup cgroup, HandlerTools tools)
    {
        var init = new DockerInit(id, "", cgroup, new("", tools), null, tools) { _started = true };
        init._exit.SetResult(EngineExit.Lost(reason, tools.Clock));
        return init;
    }

    public Task StartAsync(CancellationToken cancellationToken) => _started && !_exit.Task.IsCompleted
        ? Task.CompletedTask
        : _start.RunAsync(() => StartOnceAsync(cancellationToken));

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (!_started && signal == SigKill)
        {
            // The Engine makes no process before the start; elsewhere there is one, and this would end it.
            _exit.TrySetResult(new() { Code = KilledCode, FinishedAt = _tools.Clock.GetUtcNow() });
        }
        else if (!_exit.Task.IsCompleted && scope == SignalScope.Process)
        {
            _process?.Signal(signal);
        }
        else if (!_exit.Task.IsCompleted)
        {
            _cgroup.Signal(signal, static _ => true);
        }

        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) => columns is < 1 or > 1000 || rows is < 1 or > 1000
        ? throw RuntimeException.InvalidArgument($"container {_id}: {columns}x{rows} is no size of a terminal: 1 to 1000 cells each way")
        : _tools.Engine.CallAsync(
            $"resize container {_id}", (c, token) => c.Containers.ResizeContainerTtyAsync(_engineId, new() { Width = columns, Height = rows }, token), cancellationToken);

    /// <summary>
    /// Closes the container's input by attaching to it once: the Engine closes it with the first client that leaves (StdinOnce).
    /// </summary>
    public async Task CloseStdinAsync(CancellationToken cancellationToken)
    {
        if (_exit.Task.IsCompleted)
        {
            return;
        }

        var config = (await _tools.Objects.InspectAsync(_engineId, cancellationToken).ConfigureAwait(false)).Config!;
        if (!config.OpenStdin)
        {
            return;
        }

        if (!config.StdinOnce)
        {
            throw RuntimeException.FailedPrecondition($"container {_id}: its standard input was created to stay open (stdin without stdinOnce)");
        }

        var parameters = new ContainerAttachParameters { Stdin = true, Stream = true };
        using var stream = await _tools.Engine.CallAsync(
            $"attach to container {_id}", (c, token) => c.Containers.AttachContainerAsync(_engineId, parameters, token), cancellationToken).ConfigureAwait(false);
        stream.CloseWrite();
        // The Engine answers with the end once it has closed the input.
        await ((Task)stream.ReadOutputAsync(new byte[1], 0, 1, cancellationToken)).WaitAsync(TimeSpan.FromSeconds(10), _tools.Clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>It is being removed: kills it, and waits for its end and its output.</summary>
    public async Task DestroyedAsync(CancellationToken cancellationToken)
    {
        if (_process is null && !_started)
        {
            _exit.TrySetResult(new() { Code = KilledCode, FinishedAt = _tools.Clock.GetUtcNow() });
        }

        await _exit.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The Engine does not know it any more.</summary>
    public void Vanished()
    {
        if (_process is null)
        {
            _exit.TrySetResult(EngineExit.Lost("the container was removed from the Docker Engine by somebody else", _tools.Clock));
        }
    }

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        if (_exit.Task.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"container {_id} has ended");
        }

        RuntimeException? refusal = null;
        try
        {
            await _oom.BesideAsync(_tools.Engine.CallAsync(
                $"start container {_id}", (c, token) => c.Containers.StartContainerAsync(_engineId, new(), token), cancellationToken)).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code is not (RuntimeErrorCode.Unavailable or RuntimeErrorCode.DeadlineExceeded))
        {
            refusal = e;
        }

        var state = (await _tools.Objects.InspectAsync(_engineId, cancellationToken).ConfigureAwait(false)).State!;
        if (EngineObjects.Moment(state.StartedAt) is null)
        {
            EndRefused();
            throw RuntimeException.FailedPrecondition($"container {_id} cannot start: {refusal?.Message ?? state.Error}");
        }

        Follow(state);
    }

    private void EndRefused()
    {
        _started = true;
        _exit.TrySetResult(new() { Code = EngineExit.RefusedCode, FinishedAt = _tools.Clock.GetUtcNow() });
    }

    private void Follow(State state)
    {
        _started = true;
        _process = RunningProcess.TryHold(state.Running ? state.Pid : 0, _engineId);
        Pid = _process?.Pid ?? 0;
        _ = Task.Run(FollowAsync);
    }

    private async Task FollowAsync()
    {
        try
        {
            var copy = _log?.RunAsync(_tools.Stopping) ?? Task.CompletedTask;
            var lost = _process is null ? null : await _process.EndAsync(_tools.Stopping).ConfigureAwait(false);
            var outOfMemory = await _oom.WasOutOfMemoryAsync().ConfigureAwait(false);
            var exit = await Clients.LetGoUntilAsync(EngineExit.WaitAsync(_engineId, _oom.Knows, _tools)).ConfigureAwait(false);
            outOfMemory |= _cgroup.WasOutOfMemory(exit.Code == KilledCode);
            await KillRestAsync().ConfigureAwait(false);
            _log?.Complete();
            await copy.ConfigureAwait(false);
            _process?.Dispose();
            _exit.TrySetResult(lost is null
                ? exit with { OutOfMemory = exit.OutOfMemory || outOfMemory }
                : EngineExit.Lost(lost, _tools.Clock) with { FinishedAt = exit.FinishedAt });
            _cgroup.SettleOutOfMemory();
        }
        catch (Exception) when (_tools.Stopping.IsCancellationRequested)
        {
            // The handler goes; the next one follows on.
        }
        catch (Exception e)
        {
            _tools.Log.Write(PluginLogLevel.Error, $"container {_id}: its end cannot be followed: {e}");
            _exit.TrySetResult(EngineExit.Lost($"following it failed: {e.Message}", _tools.Clock));
        }
        finally
        {
            _log?.Dispose();
            _oom.Dispose();
        }
    }

    // With a shared PID namespace the first process takes none of the others along.
    private async Task KillRestAsync()
    {
        try
        {
            await _cgroup.KillAsync().ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            _tools.Log.Write(PluginLogLevel.Error, $"container {_id} has ended, but {e.Message}");
        }
    }
}

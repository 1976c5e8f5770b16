using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A container's first process: created, then running, then ended. It is a process of the guest, so the host knows no id of it.</summary>
internal sealed class VmInit : IProcess, IProcessEvents
{
    // As containerd reports a container that could not start.
    private const int RefusedCode = 128;
    private const int SigKill = 9;
    private readonly CreateContainerRequest _request;
    private readonly ContainerState _state;
    private readonly ContainerLog _log;
    private readonly GuestAgent _agent;
    private readonly VmTools _tools;
    private readonly ContainerFiles _files;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private readonly Attachments _clients = new();

    public VmInit(CreateContainerRequest request, ContainerState state, ContainerLog log, GuestAgent agent, VmTools tools)
    {
        (_request, _state, _log, _agent, _tools) = (request, state, log, agent, tools);
        _files = new(state.PrivateDirectory);
        if (_files.ReadExit() is { } exit)
        {
            _exit.SetResult(exit);
        }
    }

    public int Pid => 0;

    public Task<ProcessExit> Exit => _exit.Task;

    public ContainerLog Log => _log;

    public (long Stdout, long Stderr) Offsets => (_log.Stdout, _log.Stderr);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_state.Refusal is { } reason)
        {
            End(new() { Code = RefusedCode, FinishedAt = _tools.Clock.GetUtcNow() });
            throw RuntimeException.FailedPrecondition($"container {_request.ContainerId} cannot start: {reason}");
        }

        await _start.RunAsync(() => StartOnceAsync(cancellationToken)).ConfigureAwait(false);
    }

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (signal == SigKill)
        {
            _clients.Hurry();
        }

        // What was refused is nothing that the guest knows, yet counts as created until it is started, or killed.
        if (signal == SigKill && _state.Refusal is not null)
        {
            End(new() { Code = RefusedCode, FinishedAt = _tools.Clock.GetUtcNow() });
        }

        return Exit.IsCompleted ? Task.CompletedTask : _agent.SignalAsync(_request.ContainerId, null, signal, scope == SignalScope.All, cancellationToken);
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) => !_request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000
        ? throw RuntimeException.InvalidArgument(
            $"container {_request.ContainerId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way")
        : _agent.ResizeAsync(_request.ContainerId, null, columns, rows, cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken) => _request switch
    {
        _ when Exit.IsCompleted => Task.CompletedTask,
        { Stdin: false } => Task.CompletedTask,
        { StdinOnce: true, Terminal: true } => _agent.SendStdinAsync(_request.ContainerId, null, TerminalInput.End, cancellationToken),
        { StdinOnce: true } => _agent.CloseStdinAsync(_request.ContainerId, null, cancellationToken),
        _ => throw RuntimeException.FailedPrecondition($"container {_request.ContainerId}: its standard input was created to stay open (stdin without stdinOnce)"),
    };

    /// <summary>Connects a client, from here on.</summary>
    public VmAttachment Attach(AttachRequest request)
    {
        var client = VmAttachment.Open(request, !_request.Stdin ? null : input => input.CopyAsync(
            (bytes, t) => _agent.SendStdinAsync(_request.ContainerId, null, bytes, t),
            t => _request is { StdinOnce: true, Terminal: false } ? CloseStdinAsync(t) : Task.CompletedTask,
            _tools.Log));
        _clients.Add(client);
        return client;
    }

    /// <summary>Into the log, and to the clients that are there: only what was not known before.</summary>
    public ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes) => new(_clients.TakeAsync(isStderr, _log.Append(isStderr, offset, bytes)));

    /// <summary>The exit as the guest tells it, after the last byte of output.</summary>
    public async Task OnExitAsync(ProcessExit exit)
    {
        await FileReturn.RunAsync(_request.ContainerId, _state.Returned, _agent, _tools.Log).ConfigureAwait(false);
        End(exit);
    }

    /// <summary>The VM is gone, or knows nothing of it.</summary>
    public void OnLost(ProcessExit exit) => End(exit);

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        if (Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"container {_request.ContainerId} has ended");
        }

        try
        {
            await _agent.StartAsync(_request.ContainerId, cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException e) when (e.Code == RuntimeErrorCode.FailedPrecondition)
        {
            End(new() { Code = RefusedCode, FinishedAt = _tools.Clock.GetUtcNow() });
            throw RuntimeException.FailedPrecondition($"container {_request.ContainerId} cannot start: {e.Message}");
        }
    }

    private void End(ProcessExit exit)
    {
        if (_exit.Task.IsCompleted)
        {
            return;
        }

        try
        {
            _files.WriteExit(exit);
        }
        catch (RuntimeException e)
        {
            _tools.Log.Write(PluginLogLevel.Warning, $"container {_request.ContainerId}: {e.Message}");
        }

        _exit.TrySetResult(exit);
        _clients.Finish();
    }
}

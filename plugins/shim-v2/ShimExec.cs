using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.ShimV2.Ttrpc;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2;

/// <summary>Another process in a container.</summary>
internal sealed class ShimExec(string containerId, Berth.Abstractions.ExecRequest request, Shim shim, ContainerFiles files, ContainerCgroup cgroup, ShimTools tools) : IProcess
{
    private const string SpecType = "types.containerd.io/opencontainers/runtime-spec/1/Process";

    // What a shell answers for a command that cannot run.
    private const int CannotRun = 126;
    private const int SigKill = 9;

    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private (int Columns, int Rows)? _size;

    public int Pid { get; private set; }

    public Task<ProcessExit> Exit => _exit.Task;

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => _exit.Task.IsCompleted
        ? throw RuntimeException.FailedPrecondition($"exec {request.ExecId} in container {containerId} has ended")
        : RunAsync(cancellationToken));

    public async Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (_exit.Task.IsCompleted || Pid == 0)
        {
            return;
        }

        // Shims signal one process of an exec whatever is asked; where the host sees them, its session is found in the cgroup.
        if (scope == SignalScope.All && tools.Options.Has("hostProcesses"))
        {
            bool IsOfSession(int pid) => pid != Pid && ProcStat.TryRead(pid)?.Session == Pid;
            if (signal == SigKill)
            {
                await cgroup.KillAsync(IsOfSession, tools.Clock).ConfigureAwait(false);
            }
            else
            {
                cgroup.Signal(signal, IsOfSession);
            }
        }

        await Call(shim.KillAsync(containerId, request.ExecId, signal, scope == SignalScope.All, cancellationToken)).ConfigureAwait(false);
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument(
                $"exec {request.ExecId} in container {containerId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        _size = (columns, rows);
        return Pid == 0 ? Task.CompletedTask : Call(shim.ResizeAsync(containerId, request.ExecId, columns, rows, cancellationToken));
    }

    public Task CloseStdinAsync(CancellationToken cancellationToken) =>
        _exit.Task.IsCompleted ? Task.CompletedTask : Call(shim.CloseStdinAsync(containerId, request.ExecId, cancellationToken));

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var stdio = new ExecStdio(request, files);
        try
        {
            await shim.ExecAsync(
                new()
                {
                    Id = containerId,
                    ExecId = request.ExecId,
                    Terminal = request.Terminal,
                    Stdin = stdio.Stdin,
                    Stdout = stdio.Stdout,
                    Stderr = stdio.Stderr,
                    Spec = new() { TypeUrl = SpecType, Value = ByteString.CopyFrom(await File.ReadAllBytesAsync(request.ProcessPath, cancellationToken).ConfigureAwait(false)) },
                },
                cancellationToken).ConfigureAwait(false);
            var answer = await shim.StartAsync(containerId, request.ExecId, cancellationToken).ConfigureAwait(false);
            Pid = (int)Math.Min(answer.Pid, int.MaxValue);
            stdio.Begin(CloseStdinAtEndAsync);
            _ = FollowAsync(stdio);
            if (_size is { } size && !_exit.Task.IsCompleted)
            {
                await Call(shim.ResizeAsync(containerId, request.ExecId, size.Columns, size.Rows, cancellationToken)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is TtrpcException or OperationCanceledException or IOException)
        {
            await AbandonAsync(stdio).ConfigureAwait(false);
            throw e is OperationCanceledException ? e : RuntimeException.FailedPrecondition($"exec in container {containerId} cannot start: {e.Message}");
        }
    }

    private async Task AbandonAsync(ExecStdio stdio)
    {
        stdio.Dispose();
        try
        {
            await shim.KillAsync(containerId, request.ExecId, SignalNumber.Kill, all: true, CancellationToken.None).ConfigureAwait(false);
            await shim.DeleteAsync(containerId, request.ExecId).ConfigureAwait(false);
        }
        catch (TtrpcException e)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"exec {request.ExecId} in container {containerId} did not start; the shim may still know it: {e.Message}");
        }

        _exit.TrySetResult(new() { Code = CannotRun, FinishedAt = tools.Clock.GetUtcNow() });
    }

    private async Task FollowAsync(ExecStdio stdio)
    {
        ProcessExit exit;
        try
        {
            exit = ShimInit.ExitOf(await shim.WaitAsync(containerId, request.ExecId).ConfigureAwait(false), tools.Clock);
            await shim.DeleteAsync(containerId, request.ExecId).ConfigureAwait(false);
        }
        catch (TtrpcException e)
        {
            exit = ShimTools.Lost($"the shim: {e.Message}", tools.Clock);
        }

        await stdio.DrainAsync().ConfigureAwait(false);
        stdio.Dispose();
        _exit.TrySetResult(exit);
    }

    private async Task CloseStdinAtEndAsync()
    {
        try
        {
            await CloseStdinAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (RuntimeException e)
        {
            tools.Log.Write(PluginLogLevel.Debug, $"exec {request.ExecId} in container {containerId}: the end of its input did not reach it: {e.Message}");
        }
    }

    private async Task Call(Task call)
    {
        try
        {
            await call.ConfigureAwait(false);
        }
        catch (TtrpcException) when (_exit.Task.IsCompleted)
        {
            // It ended meanwhile.
        }
        catch (TtrpcException e)
        {
            throw Shim.Failure($"exec {request.ExecId} in container {containerId}", e);
        }
    }
}

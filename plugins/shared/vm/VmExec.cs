using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// Another process in a container. Its output goes into the caller's descriptors as fast as the caller takes it: the agent sends
/// no more than a window ahead of what is acknowledged, so a slow reader slows its command and nobody else's.
/// </summary>
internal sealed class VmExec(string containerId, ExecRequest request, GuestAgent agent, VmTools tools) : IProcess, IProcessEvents
{
    private const int MaxProcessBytes = 1 << 20;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private readonly Lock _sizing = new();
    private (int Columns, int Rows)? _size;
    private bool _running;
    private ClientInput? _stdin;
    private ClientOutput? _stdout;
    private ClientOutput? _stderr;

    public int Pid => 0;

    public Task<ProcessExit> Exit => _exit.Task;

    // An exec is its caller's, and does not outlive it.
    public (long Stdout, long Stderr) Offsets => (0, 0);

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => _exit.Task.IsCompleted
        ? throw RuntimeException.FailedPrecondition($"exec {request.ExecId} in container {containerId} has ended")
        : StartOnceAsync(cancellationToken));

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        return Exit.IsCompleted ? Task.CompletedTask : agent.SignalAsync(containerId, request.ExecId, signal, scope == SignalScope.All, cancellationToken);
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken)
    {
        if (!request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000)
        {
            throw RuntimeException.InvalidArgument($"exec {request.ExecId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way");
        }

        lock (_sizing)
        {
            _size = (columns, rows);
            if (!_running)
            {
                return Task.CompletedTask;
            }
        }

        return Exit.IsCompleted ? Task.CompletedTask : agent.ResizeAsync(containerId, request.ExecId, columns, rows, cancellationToken);
    }

    public Task CloseStdinAsync(CancellationToken cancellationToken) => Exit.IsCompleted
        ? Task.CompletedTask
        : request.Terminal
            ? agent.SendStdinAsync(containerId, request.ExecId, TerminalInput.End, cancellationToken)
            : agent.CloseStdinAsync(containerId, request.ExecId, cancellationToken);

    public ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes) => new((isStderr ? _stderr : _stdout)?.WriteAsync(bytes) ?? Task.CompletedTask);

    // It is its caller's alone, so nothing of it need be kept.
    public Task OnExitAsync(ProcessExit exit)
    {
        _ = EndAsync(exit);
        return Task.CompletedTask;
    }

    public void OnLost(ProcessExit exit) => _ = EndAsync(exit);

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        var (process, size) = ReadProcess();
        try
        {
            _stdin = ClientInput.Open(request.Stdin);
            (_stdout, _stderr) = (ClientOutput.Open(request.Stdout), ClientOutput.Open(request.Stderr));
            await agent.ExecAsync(containerId, request.ExecId, process, _stdin is not null, this, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException or LinuxException)
        {
            _stdin?.Dispose();
            await EndAsync(new() { Code = 128, FinishedAt = tools.Clock.GetUtcNow() }).ConfigureAwait(false);
            throw e switch
            {
                RuntimeException { Code: RuntimeErrorCode.FailedPrecondition } => RuntimeException.FailedPrecondition($"exec in container {containerId} cannot start: {e.Message}"),
                LinuxException => RuntimeException.Unavailable($"exec in container {containerId}: {e.Message}", e),
                _ => e,
            };
        }

        _ = _stdin?.CopyAsync((bytes, token) => agent.SendStdinAsync(containerId, request.ExecId, bytes, token), CloseStdinAsync, tools.Log);
        await ApplyLaterSizeAsync(size, cancellationToken).ConfigureAwait(false);
    }

    // With the size that is known already, so that the command has it from its beginning.
    private (byte[] Process, (int Columns, int Rows)? Size) ReadProcess()
    {
        try
        {
            var bytes = new FileInfo(request.ProcessPath).Length <= MaxProcessBytes
                ? File.ReadAllBytes(request.ProcessPath)
                : throw RuntimeException.InvalidArgument($"exec {request.ExecId}: {request.ProcessPath} is larger than {MaxProcessBytes} bytes");
            lock (_sizing)
            {
                if (_size is not { } size || JsonNode.Parse(bytes) is not JsonObject process)
                {
                    return (bytes, null);
                }

                process["consoleSize"] = new JsonObject { ["width"] = size.Columns, ["height"] = size.Rows };
                return (JsonSerializer.SerializeToUtf8Bytes(process), size);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw RuntimeException.InvalidArgument($"exec {request.ExecId}: {request.ProcessPath} cannot be read: {e.Message}");
        }
    }

    private async Task ApplyLaterSizeAsync((int Columns, int Rows)? applied, CancellationToken cancellationToken)
    {
        (int Columns, int Rows)? size;
        lock (_sizing)
        {
            _running = true;
            size = _size;
        }

        if (size is { } later && later != applied)
        {
            await ResizeAsync(later.Columns, later.Rows, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task EndAsync(ProcessExit exit)
    {
        agent.Forget(containerId, request.ExecId);
        _stdin?.Stop();
        foreach (var output in new[] { _stdout, _stderr }.OfType<ClientOutput>())
        {
            await output.FlushAsync().ConfigureAwait(false);
            await output.DisposeAsync().ConfigureAwait(false);
        }

        _exit.TrySetResult(exit);
    }
}

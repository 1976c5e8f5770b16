using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// Another process in a container. Its output goes into the caller's descriptors as fast as the caller takes it: the agent sends
/// no more than a window ahead of what is acknowledged, so a slow reader slows its command and nobody else's.
/// </summary>
internal sealed class VmExec(string containerId, ExecRequest request, GuestAgent agent, VmTools tools) : IProcess, IProcessEvents
{
    private const int StdinChunk = 16 * 1024;
    private const int MaxProcessBytes = 1 << 20;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedRun _start = new();
    private readonly Lock _lock = new();
    private SafeFd? _stdout;
    private SafeFd? _stderr;
    private Task _writes = Task.CompletedTask;
    private Task _errorWrites = Task.CompletedTask;

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

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) => !request.Terminal || columns is < 1 or > 1000 || rows is < 1 or > 1000
        ? throw RuntimeException.InvalidArgument($"exec {request.ExecId}: cannot resize to {columns}x{rows}: it needs a terminal, and 1 to 1000 cells each way")
        : agent.ResizeAsync(containerId, request.ExecId, columns, rows, cancellationToken);

    public Task CloseStdinAsync(CancellationToken cancellationToken) =>
        Exit.IsCompleted ? Task.CompletedTask : agent.CloseStdinAsync(containerId, request.ExecId, cancellationToken);

    public ValueTask OnOutputAsync(bool isStderr, long offset, ReadOnlyMemory<byte> bytes)
    {
        Task write;
        lock (_lock)
        {
            write = isStderr ? _errorWrites = WriteAsync(_errorWrites, _stderr, bytes) : _writes = WriteAsync(_writes, _stdout, bytes);
        }

        return new(write);
    }

    public void OnExit(ProcessExit exit) => _ = EndAsync(exit);

    public void OnLost(ProcessExit exit) => _ = EndAsync(exit);

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        byte[] process;
        try
        {
            process = new FileInfo(request.ProcessPath).Length <= MaxProcessBytes
                ? await File.ReadAllBytesAsync(request.ProcessPath, cancellationToken).ConfigureAwait(false)
                : throw RuntimeException.InvalidArgument($"exec {request.ExecId}: {request.ProcessPath} is larger than {MaxProcessBytes} bytes");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.InvalidArgument($"exec {request.ExecId}: {request.ProcessPath} cannot be read: {e.Message}");
        }

        var stdin = Open(request.Stdin, forWriting: false);
        (_stdout, _stderr) = (Open(request.Stdout, forWriting: true), Open(request.Stderr, forWriting: true));
        try
        {
            await agent.ExecAsync(containerId, request.ExecId, process, stdin is not null, this, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            stdin?.Dispose();
            await EndAsync(new() { Code = 128, FinishedAt = tools.Clock.GetUtcNow() }).ConfigureAwait(false);
            throw e is RuntimeException { Code: RuntimeErrorCode.FailedPrecondition }
                ? RuntimeException.FailedPrecondition($"exec in container {containerId} cannot start: {e.Message}")
                : e;
        }

        if (stdin is not null)
        {
            _ = PumpStdinAsync(stdin);
        }
    }

    private async Task EndAsync(ProcessExit exit)
    {
        await Task.WhenAll(_writes, _errorWrites).ConfigureAwait(false);
        agent.Forget(containerId, request.ExecId);
        _stdout?.Dispose();
        _stderr?.Dispose();
        _exit.TrySetResult(exit);
    }

    // Pieces of one stream after another; a piece may wait for the caller to read.
    private static async Task WriteAsync(Task before, SafeFd? target, ReadOnlyMemory<byte> bytes)
    {
        await before.ConfigureAwait(false);
        if (target is not null)
        {
            await Task.Run(() => WriteOrDrop(target, bytes.Span)).ConfigureAwait(false);
        }
    }

    private static void WriteOrDrop(SafeFd target, ReadOnlySpan<byte> bytes)
    {
        try
        {
            target.Write(bytes);
        }
        catch (LinuxException)
        {
            // EPIPE: the caller does not want more. The command goes on, as it would with a pipe that somebody drains.
        }
    }

    private async Task PumpStdinAsync(SafeFd stdin)
    {
        // It ends with the process, whether or not the caller has closed its end.
        var ended = new CancellationTokenSource();
        _ = _exit.Task.ContinueWith(static (_, source) => ((CancellationTokenSource)source!).Cancel(), ended, TaskScheduler.Default);
        using (stdin)
        {
            var buffer = new byte[StdinChunk];
            try
            {
                while (true)
                {
                    await Poller.Shared.ReadableAsync(stdin, ended.Token).ConfigureAwait(false);
                    // Null, where the caller's descriptor does not wait and somebody else was faster.
                    var count = stdin.Read(buffer);
                    if (count == 0)
                    {
                        await agent.CloseStdinAsync(containerId, request.ExecId, ended.Token).ConfigureAwait(false);
                        return;
                    }

                    await agent.SendStdinAsync(containerId, request.ExecId, buffer.AsMemory(0, count ?? 0), ended.Token).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or RuntimeException or LinuxException)
            {
                tools.Log.Write(PluginLogLevel.Debug, string.Create(CultureInfo.InvariantCulture, $"exec {request.ExecId}: standard input ended: {e.Message}"));
            }
        }
    }

    private static SafeFd? Open(StdioEndpoint endpoint, bool forWriting) => endpoint switch
    {
        { Descriptor: { } number } => SafeFd.Duplicate(number),
        { FifoPath: { } path } => SafeFd.OpenFifo(path, forWriting),
        _ => null,
    };
}

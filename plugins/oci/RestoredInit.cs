using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>
/// The first process of a container that goes on from a checkpoint. Runtimes have no verb that restores without letting run, so
/// until its start nothing exists but its record; the start is the monitor's <c>runtime restore</c>.
/// </summary>
internal sealed class RestoredInit(MonitoredContainer container, Func<CancellationToken, Task<IProcess>> restoreAsync, TimeProvider clock) : IProcess
{
    private const int Killed = 128 + SignalNumber.Kill;
    private readonly SharedRun _start = new();
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IProcess? _process;

    public int Pid => _process?.Pid ?? 0;

    public Task<ProcessExit> Exit => _exit.Task;

    /// <summary>The process, once it goes on.</summary>
    public IProcess? Process => _process;

    public Task StartAsync(CancellationToken cancellationToken) => _start.RunAsync(() => StartOnceAsync(cancellationToken));

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        if (_process is { } process)
        {
            return process.SignalAsync(signal, scope, cancellationToken);
        }

        if (signal == SignalNumber.Kill)
        {
            _exit.TrySetResult(new() { Code = Killed, FinishedAt = clock.GetUtcNow() });
        }

        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) => _process is { } process
        ? process.ResizeAsync(columns, rows, cancellationToken)
        : throw RuntimeException.FailedPrecondition($"container {container.Id} does not run");

    public Task CloseStdinAsync(CancellationToken cancellationToken) => _process?.CloseStdinAsync(cancellationToken) ?? Task.CompletedTask;

    private async Task StartOnceAsync(CancellationToken cancellationToken)
    {
        if (_exit.Task.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"container {container.Id} has ended");
        }

        try
        {
            _process = await restoreAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RuntimeException)
        {
            // As of any container that could not start.
            _exit.TrySetResult(new() { Code = 128, FinishedAt = clock.GetUtcNow() });
            throw;
        }

        _ = FollowAsync(_process);
    }

    private async Task FollowAsync(IProcess process) => _exit.TrySetResult(await process.Exit.ConfigureAwait(false));
}

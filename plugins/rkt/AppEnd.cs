using Berth.Abstractions;
using Berth.Plugins.Oci;

namespace Berth.Plugins.Rkt;

/// <summary>
/// An app's first process that no supervisor holds any more: it has ended, or the runtime refused to create it, which the
/// contract has the start report.
/// </summary>
internal sealed class AppEnd : IProcess
{
    // As containerd reports a container that could not start.
    private const int RefusedCode = 128;

    private readonly string _id;
    private readonly string? _refusal;
    private readonly TimeProvider _clock;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AppEnd(string id, string? refusal, TimeProvider clock) => (_id, _refusal, _clock) = (id, refusal, clock);

    public int Pid => 0;

    public Task<ProcessExit> Exit => _exit.Task;

    public static AppEnd Refused(string id, string reason, bool started, TimeProvider clock)
    {
        var end = new AppEnd(id, reason, clock);
        if (started)
        {
            end.EndRefused();
        }

        return end;
    }

    public static AppEnd Of(string id, ProcessExit exit, TimeProvider clock)
    {
        var end = new AppEnd(id, null, clock);
        end._exit.SetResult(exit);
        return end;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_refusal is null)
        {
            throw RuntimeException.FailedPrecondition($"container {_id} has ended");
        }

        EndRefused();
        throw RuntimeException.FailedPrecondition($"container {_id} cannot start: {_refusal}");
    }

    public Task SignalAsync(int signal, SignalScope scope, CancellationToken cancellationToken)
    {
        SignalNumber.Validate(signal);
        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        throw RuntimeException.FailedPrecondition($"container {_id} does not run");

    public Task CloseStdinAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends what never ran, as it is being removed.</summary>
    public void EndRefused() => _exit.TrySetResult(new() { Code = RefusedCode, FinishedAt = _clock.GetUtcNow() });
}

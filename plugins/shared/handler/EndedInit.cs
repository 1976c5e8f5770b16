using Berth.Abstractions;

namespace Berth.Plugins.Shared;

/// <summary>
/// A container's first process that nobody holds any more: it has ended, or the runtime refused to create it. A refusal
/// is reported by the start, because runtimes differ in whether they look for the command at create or at start.
/// </summary>
internal sealed class EndedInit : IProcess
{
    // As containerd reports a container that could not start.
    private const int RefusedCode = 128;
    private const int SigKill = 9;

    private readonly string _id;
    private readonly string? _refusal;
    private readonly TimeProvider _clock;
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private EndedInit(string id, string? refusal, TimeProvider clock) => (_id, _refusal, _clock) = (id, refusal, clock);

    public int Pid => 0;

    public Task<ProcessExit> Exit => _exit.Task;

    /// <summary>Why the runtime would not create it; null if it did.</summary>
    public string? Refusal => _refusal;

    public static EndedInit Refused(string id, string reason, bool started, TimeProvider clock)
    {
        var init = new EndedInit(id, reason, clock);
        if (started)
        {
            init.EndRefused();
        }

        return init;
    }

    public static EndedInit Ended(string id, ProcessExit exit, TimeProvider clock)
    {
        var init = new EndedInit(id, null, clock);
        init._exit.SetResult(exit);
        return init;
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
        // What was refused has no process, yet counts as created until it is started, or killed.
        if (signal == SigKill && _refusal is not null)
        {
            EndRefused();
        }

        return Task.CompletedTask;
    }

    public Task ResizeAsync(int columns, int rows, CancellationToken cancellationToken) =>
        throw RuntimeException.FailedPrecondition($"container {_id} does not run");

    public Task CloseStdinAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends what never ran, also as it is being removed.</summary>
    public void EndRefused() => _exit.TrySetResult(new() { Code = RefusedCode, FinishedAt = _clock.GetUtcNow() });
}

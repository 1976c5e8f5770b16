using System.Runtime.ExceptionServices;
using Berth.Abstractions;
using Berth.Plugins.Health;
using Berth.Remoting.Client;

namespace Berth.Plugins;

/// <summary>A call into a plugin, for the metrics.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Handler">The handler's name.</param>
/// <param name="Verb">The contract's member, without Async.</param>
/// <param name="Duration">From the call to the answer or the deadline.</param>
/// <param name="Outcome">How it ended.</param>
public readonly record struct PluginCall(string Plugin, string Handler, string Verb, TimeSpan Duration, PluginCallOutcome Outcome);

/// <summary>How a call ended. The last two are faults of the plugin.</summary>
public enum PluginCallOutcome
{
    Done,
    Refused,
    Cancelled,
    DeadlineExceeded,
    Broken,
}

/// <summary>
/// The one gate for calls into a plugin: each runs on a thread of the pool (a plugin that blocks holds up nobody else),
/// has a deadline even if the plugin ignores its token, and ends in an answer, a <see cref="RuntimeException"/> or the
/// caller's own cancellation.
/// </summary>
internal sealed class PluginGuard(string plugin, string handler, Action<PluginCall> observe, TimeProvider time, ILogger logger, HandlerStanding? standing = null, CallMark? mark = null, Action<string>? onQuarantined = null) : IDisposable
{
    private const int LongestMessage = 16 << 10;

    private Counters _counters = new();
    private string? _pod;

    public string Plugin => plugin;

    public string Handler => handler;

    public long Calls => Interlocked.Read(ref _counters.Calls);

    public long Faults => Interlocked.Read(ref _counters.Faults);

    /// <summary>What the handler was given.</summary>
    public GivenIds Given { get; private init; } = new();

    /// <summary>No call runs, and nothing is held.</summary>
    public bool IsIdle => Volatile.Read(ref _counters.Active) == 0;

    /// <summary>The same for calls that are one pod's work.</summary>
    public PluginGuard ForPod(string id) => new(plugin, handler, observe, time, logger, standing, mark, onQuarantined) { _counters = _counters, _pod = id, Given = Given };

    /// <summary>Counts as active until the task has ended: an exec, an attached client.</summary>
    public void HoldUntil(Task end)
    {
        Interlocked.Increment(ref _counters.Active);
        _ = end.ContinueWith(_ => Interlocked.Decrement(ref _counters.Active), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Counts as active until it is disposed of.</summary>
    public IDisposable Hold()
    {
        var end = new TaskCompletionSource();
        HoldUntil(end.Task);
        return new HoldEnd(end);
    }

    public Task RunAsync(string verb, TimeSpan limit, Func<CancellationToken, Task> call, CancellationToken cancellationToken) =>
        RunAsync(
            verb,
            limit,
            async token =>
            {
                await call(token);
                return true;
            },
            cancellationToken);

    public async Task<T> RunAsync<T>(string verb, TimeSpan limit, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = time.GetTimestamp();
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var token = either.Token;
        Interlocked.Increment(ref _counters.Active);
        try
        {
            // What looks at an answer may be the plugin's code too: a list of its own making, a property.
            Func<Task<T>> checkedCall = async () => Check(await call(token));
            var answer = await Task.Run(() => mark is null ? checkedCall() : mark.RunAsync(verb, checkedCall), CancellationToken.None).WaitAsync(token);
            Count(verb, started, PluginCallOutcome.Done);
            return answer;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Count(verb, started, PluginCallOutcome.Cancelled);
            throw;
        }
        catch (OperationCanceledException e) when (deadline.IsCancellationRequested)
        {
            Count(verb, started, PluginCallOutcome.DeadlineExceeded);
            throw Charge(verb, new(
                RuntimeErrorCode.DeadlineExceeded, $"plugin {plugin} gave no answer to {verb} of handler {handler} within {limit.TotalSeconds:0} s", e));
        }
        catch (Exception e)
        {
            throw Translate(verb, started, e);
        }
        finally
        {
            Interlocked.Decrement(ref _counters.Active);
        }
    }

    /// <summary>For the few members that answer at once.</summary>
    public T Run<T>(string verb, Func<T> call)
    {
        var started = time.GetTimestamp();
        try
        {
            var answer = Check(mark is null ? call() : mark.Run(verb, call));
            Count(verb, started, PluginCallOutcome.Done);
            return answer;
        }
        catch (Exception e)
        {
            throw Translate(verb, started, e);
        }
    }

    /// <summary>
    /// An end that the plugin tells of, whenever that is. What is no end, or fails, becomes one whose circumstances are lost: who waits
    /// for it would wait for ever.
    /// </summary>
    public Task<ProcessExit> Follow(string verb, Func<Task<ProcessExit>> end)
    {
        var followed = Run(verb, end);
        return FollowAsync();

        async Task<ProcessExit> FollowAsync()
        {
            try
            {
                // On a thread of the pool: the one that completes it may be the plugin's.
                await ((Task)followed).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                return Check(await followed);
            }
            catch (Exception e)
            {
                return new() { Code = 255, FinishedAt = time.GetUtcNow(), LostReason = Broken(verb, e).Message };
            }
        }
    }

    /// <summary>No call will come any more.</summary>
    public void Dispose() => mark?.Dispose();

    private RuntimeException Translate(string verb, long started, Exception e)
    {
        if (e is RuntimeException refusal && Enum.IsDefined(refusal.Code) && refusal.Message is { Length: <= LongestMessage })
        {
            Count(verb, started, PluginCallOutcome.Refused);
            ExceptionDispatchInfo.Throw(e); // with the plugin's own stack
        }

        Count(verb, started, PluginCallOutcome.Broken);
        return Broken(verb, e);
    }

    private RuntimeException Broken(string verb, Exception e)
    {
        PluginsLog.PluginFault(logger, e, plugin, verb, handler);
        return Charge(verb, new(
            RuntimeErrorCode.Internal, $"plugin {plugin} failed in {verb} of handler {handler}: {e.GetType().Name}: {Shortened(e.Message)}", e));
    }

    private T Check<T>(T answer) =>
        answer is null ? throw new InvalidDataException("the answer is null")
        : AnswerChecks.FindIn(answer, time) is { } wrong ? throw new InvalidDataException($"its answer is refused: {wrong}")
        : answer;

    private static string Shortened(string? message) => message is { Length: > LongestMessage } ? message[..LongestMessage] : message ?? "";

    // A check that fails makes the handler not ready, until the next one: that is enough.
    private RuntimeException Charge(string verb, RuntimeException fault)
    {
        if (verb != "Check")
        {
            standing?.Charge(_pod, fault.Message);
            if (standing?.Quarantined is not null)
            {
                onQuarantined?.Invoke(fault.Message);
            }
        }

        return fault;
    }

    private void Count(string verb, long started, PluginCallOutcome outcome)
    {
        Interlocked.Increment(ref _counters.Calls);
        if (outcome is PluginCallOutcome.DeadlineExceeded or PluginCallOutcome.Broken)
        {
            Interlocked.Increment(ref _counters.Faults);
        }

        observe(new(plugin, handler, verb, time.GetElapsedTime(started), outcome));
    }

    private sealed class HoldEnd(TaskCompletionSource end) : IDisposable
    {
        public void Dispose() => end.TrySetResult();
    }

    private sealed class Counters
    {
        public long Calls;
        public long Faults;
        public int Active;
    }
}

using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>Requests to the agent that wait for their answers.</summary>
internal sealed class GuestRequests(TimeProvider clock)
{
    private readonly ConcurrentDictionary<uint, Pending> _pending = new();
    private uint _last;

    /// <summary>Sends a request and waits.</summary>
    /// <param name="wire">The connection.</param>
    /// <param name="request">What is asked.</param>
    /// <param name="limit">How long the guest may think.</param>
    /// <param name="cancellationToken">Gives up; the guest may do it all the same.</param>
    /// <param name="onSuccess">Called before the next frame is looked at: it may be output of a process that the answer announces.</param>
    /// <param name="asksRuntime">A failure is the runtime's own refusal: nothing that a retry would mend.</param>
    public async Task<GuestResponse> AskAsync(
        AgentWire wire, GuestRequest request, TimeSpan limit, CancellationToken cancellationToken, Action<GuestResponse>? onSuccess = null, bool asksRuntime = false)
    {
        var id = Interlocked.Increment(ref _last);
        var pending = _pending[id] = new(onSuccess, asksRuntime);
        try
        {
            wire.SendMessage(FrameKind.Request, id, ProtocolJson.Write(request, ProtocolJson.Default.GuestRequest));
            return await pending.Answer.Task.WaitAsync(limit, clock, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when ((e is OperationCanceledException or TimeoutException) && !_pending.TryRemove(id, out _))
        {
            // The answer has just come, and what it announces is taken already.
            return await pending.Answer.Task.ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw NoAnswer(limit);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Takes an answer; false if nobody waits for it any more.</summary>
    public bool OnResponse(uint id, GuestResponse response)
    {
        if (!_pending.TryRemove(id, out var pending))
        {
            return false;
        }

        if (response.Error is { } error)
        {
            pending.Answer.TrySetException(new RuntimeException(
                pending.AsksRuntime && error.Code == GuestErrorCode.Unavailable ? RuntimeErrorCode.FailedPrecondition : CodeOf(error.Code), error.Message));
            return true;
        }

        try
        {
            pending.OnSuccess?.Invoke(response);
            pending.Answer.TrySetResult(response);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            pending.Answer.TrySetException(RuntimeException.Unavailable($"the guest's answer cannot be used: {e.Message}", e));
        }

        return true;
    }

    /// <summary>The connection ended, and no answer comes any more.</summary>
    public void Fail()
    {
        foreach (var (id, pending) in _pending)
        {
            _pending.TryRemove(id, out _);
            pending.Answer.TrySetException(RuntimeException.Unavailable("the connection to the guest ended before its answer; try again"));
        }
    }

    public static RuntimeException NoAnswer(TimeSpan limit) => new(RuntimeErrorCode.DeadlineExceeded, $"the guest gave no answer within {limit.TotalSeconds:0} s");

    private static RuntimeErrorCode CodeOf(GuestErrorCode code) => code switch
    {
        GuestErrorCode.InvalidArgument => RuntimeErrorCode.InvalidArgument,
        GuestErrorCode.NotFound => RuntimeErrorCode.NotFound,
        GuestErrorCode.FailedPrecondition => RuntimeErrorCode.FailedPrecondition,
        GuestErrorCode.Unavailable => RuntimeErrorCode.Unavailable,
        _ => RuntimeErrorCode.Internal,
    };

    private sealed class Pending(Action<GuestResponse>? onSuccess, bool asksRuntime)
    {
        public bool AsksRuntime => asksRuntime;

        public Action<GuestResponse>? OnSuccess => onSuccess;

        public TaskCompletionSource<GuestResponse> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

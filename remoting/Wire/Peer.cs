using System.Collections.Concurrent;
using Berth.Linux;

namespace Berth.Remoting.Wire;

/// <summary>The other side is gone, or was cut off for what it sent. No answer will come any more.</summary>
public sealed class PeerGoneException(string message, Exception? innerException = null) : IOException(message, innerException);

/// <summary>An answer and what came with it.</summary>
/// <param name="Message">The answer.</param>
/// <param name="Descriptors">The receiver's to close.</param>
public sealed record Answered(WireAnswer Message, IReadOnlyList<SafeFd> Descriptors);

/// <summary>
/// One end of the connection; both ends may call. An answer without a question, and whatever is no frame, ends the connection:
/// its reason is what <see cref="RunAsync"/> returns.
/// </summary>
public sealed class Peer(FrameSocket socket, Func<Peer, Frame, CancellationToken, Task> serve) : IDisposable
{
    // One that never answers must not make this grow.
    private const int MostOpenQuestions = 65_536;

    private readonly ConcurrentDictionary<ulong, Question> _questions = new();
    private readonly ConcurrentDictionary<ulong, CancellationTokenSource> _serving = new();
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _last;

    /// <summary>Completes with the reason when the connection has ended.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>Whether work was under way when the connection ended; waiting for an end, or for a sign of life, is none.</summary>
    public bool WasAsked { get; private set; }

    /// <summary>The calls that were given up here and have not ended there.</summary>
    public IReadOnlyList<ulong> GivenUp => [.. _questions.Where(static q => q.Value.IsGivenUp).Select(static q => q.Key)];

    /// <summary>Reads until the end; the result says what it was.</summary>
    public async Task<string> RunAsync()
    {
        try
        {
            while (!_ended.Task.IsCompleted && await socket.ReceiveAsync(CancellationToken.None).ConfigureAwait(false) is { } frame)
            {
                await DispatchAsync(frame).ConfigureAwait(false);
            }

            End("it closed its connection");
        }
        catch (InvalidDataException e)
        {
            End($"it does not keep to the protocol: {e.Message}");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            End($"the connection to it is broken: {e.Message}");
        }

        return await _ended.Task.ConfigureAwait(false);
    }

    /// <summary>
    /// Asks and waits. Cancelled, it tells the other side and waits on: what was begun there is undone there before the answer comes.
    /// The descriptors stay the caller's.
    /// </summary>
    /// <exception cref="PeerGoneException">No answer will come.</exception>
    public async Task<Answered> CallAsync(WireRequest request, IReadOnlyList<int> descriptors, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_questions.Count >= MostOpenQuestions)
        {
            throw new PeerGoneException($"{MostOpenQuestions} calls wait for it");
        }

        var (number, question) = (Interlocked.Increment(ref _last), new Question(request.Verb));
        _questions[number] = question;
        try
        {
            await SendAsync(FrameKind.Call, number, WireJson.Write(request), [.. descriptors.Select(SafeFd.Duplicate)]).ConfigureAwait(false);
            // Not before: a cancellation that overtakes its call is for nobody.
            using var given = cancellationToken.UnsafeRegister(_ => GiveUp(number, question), null);
            if (_ended.Task.IsCompleted)
            {
                question.TrySetException(new PeerGoneException(await _ended.Task.ConfigureAwait(false)));
            }

            return await question.Task.ConfigureAwait(false);
        }
        finally
        {
            _questions.TryRemove(number, out _);
        }
    }

    /// <summary>Tells.</summary>
    public Task NotifyAsync(WireRequest request) => SendAsync(FrameKind.Notice, 0, WireJson.Write(request), []);

    /// <summary>Answers a call; the descriptors are closed here.</summary>
    public Task AnswerAsync(ulong call, WireAnswer answer, IReadOnlyList<SafeFd> descriptors)
    {
        if (_serving.TryRemove(call, out var cancel))
        {
            cancel.Dispose();
        }

        return SendAsync(FrameKind.Answer, call, WireJson.Write(answer), descriptors);
    }

    /// <summary>Ends the connection; all that wait get the reason.</summary>
    public void End(string reason)
    {
        lock (_questions)
        {
            if (_ended.Task.IsCompleted)
            {
                return;
            }

            WasAsked = _questions.Values.Any(static q => q.Verb is not (Verb.Ping or Verb.SandboxExit or Verb.ProcessExit or Verb.AttachmentEnd));
            _ended.SetResult(reason);
        }

        foreach (var question in _questions.Values)
        {
            question.TrySetException(new PeerGoneException(reason));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        End("the connection was closed here");
        socket.Dispose();
    }

    private async Task DispatchAsync(Frame frame)
    {
        switch (frame.Kind)
        {
            case FrameKind.Call:
                var cancel = new CancellationTokenSource();
                if (!_serving.TryAdd(frame.Call, cancel))
                {
                    throw new InvalidDataException($"call {frame.Call} comes twice");
                }

                await serve(this, frame, cancel.Token).ConfigureAwait(false);
                break;
            case FrameKind.Notice:
                await serve(this, frame, CancellationToken.None).ConfigureAwait(false);
                break;
            case FrameKind.Cancel when _serving.TryGetValue(frame.Call, out var served):
                Cancel(served);
                break;
            case FrameKind.Cancel:
                break; // the answer was faster
            default:
                Complete(frame);
                break;
        }
    }

    // In force before the next frame is read; what a plugin has registered runs on another thread.
    private static void Cancel(CancellationTokenSource source)
    {
        try
        {
            _ = source.CancelAsync().ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
        }
        catch (ObjectDisposedException)
        {
            return; // the answer was faster
        }
    }

    private void Complete(Frame frame)
    {
        if (!_questions.TryRemove(frame.Call, out var question))
        {
            Close(frame.Descriptors);
            throw new InvalidDataException($"an answer came to call {frame.Call}, which nobody made");
        }

        try
        {
            if (!question.TrySetResult(new(WireJson.ReadAnswer(frame.Body.Span), frame.Descriptors)))
            {
                Close(frame.Descriptors);
            }
        }
        catch (InvalidDataException e)
        {
            Close(frame.Descriptors);
            question.TrySetException(new PeerGoneException($"it does not keep to the protocol: {e.Message}", e));
            throw;
        }
    }

    private void GiveUp(ulong number, Question question)
    {
        question.IsGivenUp = true;
        _ = SendAsync(FrameKind.Cancel, number, ReadOnlyMemory<byte>.Empty, []).ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
    }

    private async Task SendAsync(FrameKind kind, ulong call, ReadOnlyMemory<byte> body, IReadOnlyList<SafeFd> descriptors)
    {
        try
        {
            await socket.SendAsync(kind, call, body, descriptors).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            var reason = _ended.Task.IsCompleted ? await _ended.Task.ConfigureAwait(false) : $"the connection to it is broken: {e.Message}";
            throw new PeerGoneException(reason, e);
        }
    }

    private static void Close(IReadOnlyList<SafeFd> descriptors)
    {
        foreach (var descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }

    private sealed class Question(Verb verb) : TaskCompletionSource<Answered>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Verb Verb => verb;

        public bool IsGivenUp { get; set; }
    }
}

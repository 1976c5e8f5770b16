using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>Answers the gateway's calls with the plugin's objects; each call on a thread of the pool.</summary>
internal sealed class PluginServer : IDisposable
{
    private readonly ConcurrentDictionary<int, HandlerObjects> _handlers = new();
    private IRuntimePlugin? _plugin;

    public Task ServeAsync(Peer peer, Frame frame, CancellationToken cancellationToken)
    {
        _ = Task.Run(() => AnswerAsync(peer, frame, cancellationToken), CancellationToken.None);
        return Task.CompletedTask;
    }

    public void Dispose() => _handlers.Clear();

    private async Task AnswerAsync(Peer peer, Frame frame, CancellationToken cancellationToken)
    {
        var (answer, given) = await RunAsync(peer, frame, cancellationToken).ConfigureAwait(false);
        try
        {
            await peer.AnswerAsync(frame.Call, answer, given).ConfigureAwait(false);
        }
        catch (PeerGoneException)
        {
            return; // this process ends with the connection
        }
        catch (Exception e)
        {
            // What the plugin returned cannot be told, such as a number that is none.
            await peer.AnswerAsync(frame.Call, Fault($"its answer cannot be sent: {e.Message}"), []).ConfigureAwait(false);
        }
    }

    private async Task<(WireAnswer Answer, IReadOnlyList<SafeFd> Given)> RunAsync(Peer peer, Frame frame, CancellationToken cancellationToken)
    {
        try
        {
            var request = WireJson.ReadRequest(frame.Body.Span);
            if (request.Verb == Verb.OpenPort)
            {
                var socket = await Objects(request).Sandbox(request).OpenPortAsync(request.Number, cancellationToken).ConfigureAwait(false);
                return (new(), [new SafeFd(socket)]);
            }

            return (await RunAsync(peer, request, frame.Descriptors, cancellationToken).ConfigureAwait(false), []);
        }
        catch (RuntimeException e)
        {
            return (new() { Failure = new(e.Code, e.Message) }, []);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return (new() { Failure = new(RuntimeErrorCode.DeadlineExceeded, "the call was cancelled") }, []);
        }
        catch (Exception e)
        {
            return (Fault($"{e.GetType().Name}: {e.Message}"), []);
        }
    }

    private async Task<WireAnswer> RunAsync(Peer peer, WireRequest request, IReadOnlyList<SafeFd> descriptors, CancellationToken cancellationToken)
    {
        switch (request.Verb)
        {
            case Verb.Ping:
                return new();
            case Verb.Load:
                _plugin = PluginAssembly.Load(request.Text!);
                return new();
            case Verb.CreateHandler:
                var context = new GatewayContext(peer, request.Handler);
                var handler = await _plugin!.CreateHandlerAsync(request.Config!, context, cancellationToken).ConfigureAwait(false);
                _handlers[request.Handler] = new(handler ?? throw Null());
                return new();
            case Verb.DisposeHandler when _handlers.TryRemove(request.Handler, out var gone):
                await gone.Handler.DisposeAsync().ConfigureAwait(false);
                return new();
            case Verb.DisposeHandler:
                return new();
            case < Verb.SandboxInfo:
                return await HandlerCalls.RunAsync(Objects(request), request, cancellationToken).ConfigureAwait(false);
            case < Verb.Exec:
                return await SandboxCalls.RunAsync(Objects(request), request, cancellationToken).ConfigureAwait(false);
            case < Verb.StartProcess:
                return await ContainerCalls.RunAsync(Objects(request), request, descriptors, cancellationToken).ConfigureAwait(false);
            default:
                return await ProcessCalls.RunAsync(Objects(request), request, cancellationToken).ConfigureAwait(false);
        }
    }

    internal static InvalidOperationException Null() => new("the answer is null");

    private static WireAnswer Fault(string message) => new() { Failure = new(null, message) };

    private HandlerObjects Objects(WireRequest request) =>
        _handlers.GetValueOrDefault(request.Handler) ?? throw RuntimeException.Unavailable("the plugin's process has no such handler");
}

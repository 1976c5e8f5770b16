using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>Calls of <see cref="IProcess"/>. A process that is not known any more has ended and was asked about already.</summary>
internal static class ProcessCalls
{
    public static async Task<WireAnswer> RunAsync(HandlerObjects objects, WireRequest request, CancellationToken cancellationToken)
    {
        switch (request.Verb)
        {
            case Verb.StartProcess:
                return await StartAsync(objects, request, cancellationToken).ConfigureAwait(false);
            case Verb.ProcessExit:
                var exit = await objects.Process(request).Exit.WaitAsync(cancellationToken).ConfigureAwait(false) ?? throw PluginServer.Null();
                if (request.Exec is { } ended)
                {
                    objects.ForgetExec(request.Container!, ended);
                }

                return new() { Exit = exit };
            case Verb.Signal:
                await (objects.FindProcess(request)?.SignalAsync(request.Number, request.Scope, cancellationToken) ?? Task.CompletedTask).ConfigureAwait(false);
                return new();
            case Verb.Resize:
                await (objects.FindProcess(request)?.ResizeAsync(request.Number, request.Second, cancellationToken) ?? Task.CompletedTask).ConfigureAwait(false);
                return new();
            case Verb.CloseStdin:
                await (objects.FindProcess(request)?.CloseStdinAsync(cancellationToken) ?? Task.CompletedTask).ConfigureAwait(false);
                return new();
            default:
                throw RuntimeException.NotSupported(request.Verb.ToString());
        }
    }

    // The descriptors of an exec are the gateway's until it has started; these copies of them too.
    private static async Task<WireAnswer> StartAsync(HandlerObjects objects, WireRequest request, CancellationToken cancellationToken)
    {
        var process = objects.Process(request);
        try
        {
            await process.StartAsync(cancellationToken).ConfigureAwait(false);
            return new() { Pid = process.Pid };
        }
        finally
        {
            if (request.Exec is { } exec)
            {
                objects.Exec(request.Container!, exec)?.Release();
            }
        }
    }
}

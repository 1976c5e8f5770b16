using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.PluginHost;

/// <summary>What the gateway lends to a handler, over the connection.</summary>
internal sealed class GatewayContext(Peer peer, int handler) : IHandlerContext, IPluginLog
{
    private const int LongestLine = 4096;

    public IPluginLog Log => this;

    public async Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken)
    {
        var request = new WireRequest { Verb = Verb.SaveState, Handler = handler, Text = id, State = state };
        var answer = await peer.CallAsync(request, [], cancellationToken).ConfigureAwait(false);
        if (answer.Message.Failure is { } failure)
        {
            throw new RuntimeException(failure.Code ?? RuntimeErrorCode.Internal, failure.Message);
        }
    }

    // A line is told in order and not waited for; if the gateway is gone, so is this process in a moment.
    public void Write(PluginLogLevel level, string message) => _ = peer
        .NotifyAsync(new() { Verb = Verb.Log, Handler = handler, Number = (int)level, Text = message[..Math.Min(message.Length, LongestLine)] })
        .ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
}

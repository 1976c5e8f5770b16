using Berth.Abstractions;
using Berth.Remoting.Wire;

namespace Berth.Remoting.Client;

/// <summary>A client's connection to a container's streams, which the plugin's process copies; it ends with that process.</summary>
internal sealed class RemoteAttachment : IAttachment
{
    private readonly PluginProcess _process;
    private readonly WireRequest _named;

    public RemoteAttachment(PluginProcess process, WireRequest named)
    {
        (_process, _named) = (process, named);
        End = FollowAsync();
    }

    public Task End { get; }

    public async Task DetachAsync(CancellationToken cancellationToken)
    {
        if (!End.IsCompleted)
        {
            await _process.CallAsync(_named with { Verb = Verb.Detach }, cancellationToken).ConfigureAwait(false);
            await End.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task FollowAsync()
    {
        try
        {
            await _process.CallAsync(_named, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or PluginProcessException)
        {
            return; // whatever ended it, it has ended
        }
    }
}

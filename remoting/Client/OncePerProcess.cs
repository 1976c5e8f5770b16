namespace Berth.Remoting.Client;

/// <summary>Something that each new process of a plugin must be told once before anything else; who comes meanwhile waits for it.</summary>
internal sealed class OncePerProcess(Func<PluginProcess, CancellationToken, Task> tell)
{
    private readonly SemaphoreSlim _one = new(1);
    private volatile PluginProcess? _told;

    /// <summary>This process knows already.</summary>
    public void Knows(PluginProcess process) => _told = process;

    /// <summary>Tells the process if it does not know. A failure is the caller's; the next one tries again.</summary>
    public async Task TellAsync(PluginProcess process, CancellationToken cancellationToken)
    {
        if (ReferenceEquals(_told, process))
        {
            return;
        }

        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!ReferenceEquals(_told, process))
            {
                await tell(process, cancellationToken).ConfigureAwait(false);
                _told = process;
            }
        }
        finally
        {
            _one.Release();
        }
    }
}

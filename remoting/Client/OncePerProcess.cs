namespace Berth.Remoting.Client;

/// <summary>
/// Something that each new process of a plugin must be told once before anything else; who comes meanwhile waits for it. It goes on
/// when a caller gives up, as the others still need it.
/// </summary>
internal sealed class OncePerProcess(Func<PluginProcess, Task> tell)
{
    private readonly Lock _lock = new();
    private PluginProcess? _process;
    private Task _telling = Task.CompletedTask;

    /// <summary>This process knows already.</summary>
    public void Knows(PluginProcess process)
    {
        lock (_lock)
        {
            (_process, _telling) = (process, Task.CompletedTask);
        }
    }

    /// <summary>Tells the process if it does not know. A failure is every waiting caller's; the next one tries again.</summary>
    public Task TellAsync(PluginProcess process, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(_process, process) || _telling.IsFaulted || _telling.IsCanceled)
            {
                (_process, _telling) = (process, Task.Run(() => tell(process), CancellationToken.None));
            }

            return _telling.WaitAsync(cancellationToken);
        }
    }
}

namespace Berth.Plugins;

/// <summary>Holds the snapshot in force. A new one replaces it at once; whoever has read the old one goes on with it.</summary>
public sealed class HandlerTable(PluginSnapshot initial) : IDisposable
{
    private readonly ReaderWriterLockSlim _gate = new();
    private volatile PluginSnapshot _current = initial;

    public PluginSnapshot Current => _current;

    /// <summary>What the last reload has found.</summary>
    public ReloadState LastReload { get; set; } = ReloadState.None;

    /// <summary>
    /// Chooses a handler and records who uses it. No handler is let go of between the two, so what counts the records before it lets go
    /// misses none.
    /// </summary>
    public T Reserve<T>(Func<PluginSnapshot, T> chooseAndRecord)
    {
        _gate.EnterReadLock();
        try
        {
            return chooseAndRecord(_current);
        }
        finally
        {
            _gate.ExitReadLock();
        }
    }

    public void Swap(PluginSnapshot next) => Change(_ => next);

    /// <summary>Replaces the snapshot by what is made of it.</summary>
    public void Change(Func<PluginSnapshot, PluginSnapshot> change)
    {
        _gate.EnterWriteLock();
        try
        {
            _current = change(_current);
        }
        finally
        {
            _gate.ExitWriteLock();
        }
    }

    public void Dispose() => _gate.Dispose();
}

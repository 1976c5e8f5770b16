using System.Runtime.CompilerServices;
using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>
/// Lets go of what drains once its last pod has gone: handler, code, staged folder. The folder goes last, when nothing of the code is
/// left in memory, as assemblies are read from it at their first use.
/// </summary>
public sealed class PluginRetirement(HandlerTable table, PluginStore store, TimeProvider time, ILogger<PluginRetirement> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly List<Remnant> _remnants = [];
    private int _leaving;
    private TimeSpan _pause = ShortestPause;
    private DateTimeOffset _nextLook;

    /// <summary>Versions that are let go of, or were and are still in memory: a thread, a task or a child of theirs is left.</summary>
    public int Remnants
    {
        get
        {
            lock (_gate)
            {
                return _remnants.Count + _leaving;
            }
        }
    }

    /// <summary>Begins to let go of what has no pods; a plugin that takes its time for that holds nobody up.</summary>
    /// <param name="isUsed">Whether a pod's record names that handler.</param>
    public void Collect(Func<HandlerKey, bool> isUsed)
    {
        List<HandlerEntry> gone = [];
        table.Change(current =>
        {
            gone = [.. current.Draining.Where(h => h.Handler!.IsIdle && !isUsed(h.Key))];
            return gone.Count == 0 ? current : current.Without(gone.Select(static h => h.Key).ToHashSet());
        });
        foreach (var plugin in gone.GroupBy(static h => h.Source!.Code))
        {
            _ = LetGoAsync(plugin.First().Source!, [.. plugin]);
        }

        ForgetTheDead();
    }

    /// <summary>Begins to let go of code that an earlier snapshot had and the one in force has not, though no handler of it drains: none was made.</summary>
    public void LetGoOf(PluginSnapshot earlier)
    {
        foreach (var left in earlier.Loaded.Where(e => e.Code is not null && table.Current.Loaded.All(l => l.Code != e.Code)))
        {
            _ = LetGoAsync(left, []);
        }
    }

    /// <summary>Removes staged folders that nobody needs; for the start, as later ones go one by one.</summary>
    public void Sweep() => store.Sweep(table.Current.Loaded.Select(static l => l.Entry.Digest).Where(static d => d.Length > 0).ToHashSet());

    private async Task LetGoAsync(LoadedPlugin source, IReadOnlyList<HandlerEntry> handlers)
    {
        lock (_gate)
        {
            _leaving++;
        }

        await Task.WhenAll(handlers.Select(LetGoAsync));
        try
        {
            await UnloadIfUnusedAsync(source);
        }
        catch (Exception e)
        {
            PluginsLog.PluginNotUnloaded(logger, source.Entry.Id, source.Entry.Version, e.Message);
        }

        lock (_gate)
        {
            _leaving--;
        }
    }

    private async Task LetGoAsync(HandlerEntry handler)
    {
        try
        {
            await handler.Handler!.DisposeAsync();
        }
        catch (RuntimeException e)
        {
            PluginsLog.HandlerNotDisposed(logger, handler.Name, handler.Plugin, handler.PluginVersion, e.Message);
        }
    }

    private async Task UnloadIfUnusedAsync(LoadedPlugin source)
    {
        if (source.Code is { } code && table.Current.Loaded.All(l => l.Code != code))
        {
            var remains = code.Remains;
            await code.DisposeAsync();
            PluginsLog.PluginUnloaded(logger, source.Entry.Id, source.Entry.Version);
            if (remains is null)
            {
                return; // its folder goes at the next start, as the assemblies are mapped until the end of this process
            }

            var remnant = new Remnant(remains, source.Entry.Id, source.Entry.Version, source.Entry.Digest, time.GetUtcNow());
            lock (_gate)
            {
                _remnants.Add(remnant);
                _pause = ShortestPause;
            }
        }
    }

    // Unloading is done by the collector, whenever it comes; here it is asked to, as long as something is due.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ForgetTheDead()
    {
        lock (_gate)
        {
            if (_remnants.Count == 0)
            {
                return;
            }

            if (time.GetUtcNow() >= _nextLook)
            {
                SharedCaches.Clear();
                for (var round = 0; round < 2 && _remnants.Exists(static r => r.Memory.IsAlive); round++)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }

                // A look costs some ten milliseconds of everybody's time: what still runs a child may take days.
                _pause = _remnants.Exists(static r => !r.Memory.IsAlive) ? ShortestPause : _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
                _nextLook = time.GetUtcNow() + _pause;
            }

            foreach (var dead in _remnants.Where(static r => !r.Memory.IsAlive))
            {
                RemoveFolder(dead.Digest);
            }

            _remnants.RemoveAll(static r => !r.Memory.IsAlive);
            foreach (var old in _remnants.Where(r => !r.Told && time.GetUtcNow() - r.Since > Patience))
            {
                old.Told = true;
                PluginsLog.PluginHoldsOn(logger, old.Id, old.Version);
            }
        }
    }

    // The same content may be in force again, or held by another remnant.
    private void RemoveFolder(string digest)
    {
        if (table.Current.Loaded.All(l => l.Entry.Digest != digest) && _remnants.TrueForAll(r => r.Digest != digest || !r.Memory.IsAlive))
        {
            store.Remove(digest);
        }
    }

    private sealed record Remnant(WeakReference Memory, string Id, string Version, string Digest, DateTimeOffset Since)
    {
        public bool Told { get; set; }
    }
}

using System.Runtime.Loader;
using Berth.Abstractions;

namespace Berth.Plugins;

/// <summary>A plugin's code, loaded: where it runs is the business of who loaded it. Disposing of it lets go of the code.</summary>
internal interface IPluginCode : IAsyncDisposable
{
    IRuntimePlugin Plugin { get; }

    /// <summary>Where it runs.</summary>
    PluginIsolation Isolation { get; }

    /// <summary>Its process has ended by itself, and no call was in it that could be charged with that; why.</summary>
    event Action<string>? EndedIdle;

    /// <summary>Its handlers do harm: calls in it that were given up and do not end are ended with it, where that takes nobody else along.</summary>
    void EndStuckCalls(string reason);

    /// <summary>Dead once nothing of the code is left in this process's memory; null if it stays there until the end.</summary>
    WeakReference? Remains { get; }
}

/// <summary>Code in a load context of this process.</summary>
internal sealed class LoadContextCode(IRuntimePlugin plugin, AssemblyLoadContext context, WeakReference? remains) : IPluginCode
{
    private IRuntimePlugin? _plugin = plugin;
    private AssemblyLoadContext? _context = context;

    public IRuntimePlugin Plugin => _plugin ?? throw new ObjectDisposedException(nameof(LoadContextCode));

    public PluginIsolation Isolation => PluginIsolation.InProcess;

    // Its process is the gateway's.
    public event Action<string>? EndedIdle
    {
        add { }
        remove { }
    }

    public WeakReference? Remains => remains;

    public void EndStuckCalls(string reason)
    {
        // They end with the gateway.
    }

    // Unloading only asks: the memory goes when no thread, task or object of the plugin is left.
    public ValueTask DisposeAsync()
    {
        var loaded = Interlocked.Exchange(ref _context, null);
        _plugin = null;
        if (loaded is { IsCollectible: true })
        {
            loaded.Unload();
        }

        return ValueTask.CompletedTask;
    }
}

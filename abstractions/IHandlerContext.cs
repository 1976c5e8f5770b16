using System.Text.Json;

namespace Berth.Abstractions;

/// <summary>What the gateway lends to a handler.</summary>
public interface IHandlerContext
{
    /// <summary>The gateway's log; lines carry the handler's name.</summary>
    IPluginLog Log { get; }

    /// <summary>
    /// Keeps a small record for a sandbox or container in the gateway's database. It may be called at any moment inside
    /// a call, best before something is made outside the process: after a kill the record comes back in
    /// <see cref="RestoreSandboxRequest"/> and <see cref="DestroyRequest"/>. The newest record replaces the older.
    /// </summary>
    /// <param name="id">Of a sandbox or container that the gateway gave to this handler.</param>
    /// <param name="state">At most 64 KiB.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken);
}

/// <summary>A record of the plugin's own, opaque to the gateway.</summary>
/// <param name="Version">The plugin's version of the form; its manifest lists those that it can read.</param>
/// <param name="Data">The content.</param>
public sealed record StateRecord(int Version, JsonElement Data);

/// <summary>The log of the gateway. Secrets and environment values do not belong in it.</summary>
public interface IPluginLog
{
    /// <summary>Writes a line.</summary>
    void Write(PluginLogLevel level, string message);
}

/// <summary>Levels of <see cref="IPluginLog"/>.</summary>
public enum PluginLogLevel
{
    /// <summary>For the plugin's developer.</summary>
    Debug,

    /// <summary>A change of state that an operator wants to see.</summary>
    Information,

    /// <summary>Something is off, and was handled.</summary>
    Warning,

    /// <summary>Something failed, and needs a person.</summary>
    Error,
}

namespace Berth.Plugins;

/// <summary>How a plugin or handler stands.</summary>
public enum PluginState
{
    /// <summary>In use.</summary>
    Active,

    /// <summary>A handler that works, on a machine that lacks something.</summary>
    NotReady,

    /// <summary>Made for another contract.</summary>
    Incompatible,

    /// <summary>Switched off in plugins.json.</summary>
    Disabled,

    /// <summary>It could not be loaded or created.</summary>
    Failed,

    /// <summary>Replaced or removed: its pods run on, and new ones are not started on it.</summary>
    Draining,

    /// <summary>It spent its fault budget, or the gateway died in it: no new pods until it is well again.</summary>
    Quarantined,
}

/// <summary>A plugin that is not taken; the message is the reason shown to people.</summary>
internal sealed class PluginRejectedException(PluginState state, string reason, Exception? innerException = null)
    : Exception(reason, innerException)
{
    public PluginState State => state;
}

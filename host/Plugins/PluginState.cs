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

/// <summary>What of a plugin's version is to blame if it is not taken; for the metrics.</summary>
public enum PluginRefusal
{
    /// <summary>Nothing: it is taken, or nobody asked for it.</summary>
    None,

    /// <summary>The folder: whose it is, its size, a change while it was read.</summary>
    Folder,

    /// <summary>plugin.json.</summary>
    Manifest,

    /// <summary>It is made for another contract.</summary>
    Contract,

    /// <summary>The signature, or that there is none.</summary>
    Signature,

    /// <summary>Its assembly, its constructor, its process.</summary>
    Load,

    /// <summary>Its handlers do not work where those in force do.</summary>
    SelfTest,
}

/// <summary>A plugin that is not taken; the message is the reason shown to people.</summary>
internal sealed class PluginRejectedException(PluginState state, PluginRefusal refusal, string reason, Exception? innerException = null)
    : Exception(reason, innerException)
{
    public PluginState State => state;

    public PluginRefusal Refusal => refusal;
}

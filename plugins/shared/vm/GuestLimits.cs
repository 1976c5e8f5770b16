namespace Berth.Plugins.Vm;

/// <summary>
/// How long the guest may think. Each is within what the gateway gives a plugin for the verb: a guest that hangs is its
/// pod's fault, and the plugin says so in time, before it is called slow itself.
/// </summary>
internal static class GuestLimits
{
    /// <summary>For what takes the agent no time: signals, figures, a terminal's size, a port.</summary>
    public static readonly TimeSpan Told = TimeSpan.FromSeconds(10);

    /// <summary>For what the runtime in the guest is run for, once.</summary>
    public static readonly TimeSpan Changed = TimeSpan.FromSeconds(45);

    /// <summary>For what pods and containers are made of.</summary>
    public static readonly TimeSpan Made = TimeSpan.FromSeconds(90);
}

namespace Berth.Plugins;

/// <summary>
/// How long a plugin may take. They catch what hangs, not what is slow: each is many times what a busy machine needs, and
/// within the kubelet's own limits (2 minutes a call, 4 for RunPodSandbox) where those are of use.
/// </summary>
internal static class PluginDeadlines
{
    /// <summary>Load and create, at the gateway's start.</summary>
    public static readonly TimeSpan Create = TimeSpan.FromSeconds(10);

    /// <summary>How long the start waits for the first checks; those that take longer end in the background.</summary>
    public static readonly TimeSpan FirstCheck = TimeSpan.FromSeconds(3);

    /// <summary>Nobody waits for it: what is left of it then is told by the memory that it keeps.</summary>
    public static readonly TimeSpan Dispose = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan Check = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan PrepareSandbox = TimeSpan.FromSeconds(110);
    public static readonly TimeSpan StartSandbox = TimeSpan.FromSeconds(110);
    public static readonly TimeSpan RestoreSandbox = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Destroy = TimeSpan.FromSeconds(110);
    public static readonly TimeSpan ListOwned = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Image = TimeSpan.FromMinutes(30);
    public static readonly TimeSpan CreateContainer = TimeSpan.FromSeconds(110);
    public static readonly TimeSpan Start = TimeSpan.FromSeconds(110);
    public static readonly TimeSpan Exec = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Signal = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan Update = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Read = TimeSpan.FromSeconds(15);
    public static readonly TimeSpan ReopenLog = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan Checkpoint = TimeSpan.FromMinutes(30);
}

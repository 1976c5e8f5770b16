namespace Berth.Metrics;

/// <summary>The process of a plugin that does not run in the gateway's.</summary>
/// <param name="Plugin">Its id.</param>
/// <param name="Version">Its version.</param>
/// <param name="Digest">Of its folder.</param>
/// <param name="Pid">Null while it is started again.</param>
/// <param name="Restarts">How often it ended without being asked to.</param>
/// <param name="CpuSeconds">Of this process; it begins anew with each.</param>
/// <param name="MemoryBytes">What of it is in memory.</param>
/// <param name="Descriptors">Open ones.</param>
public readonly record struct PluginProcessSample(
    string Plugin, string Version, string Digest, int? Pid, long Restarts, double CpuSeconds, long MemoryBytes, long Descriptors);

/// <summary>Looks at the processes of plugins now.</summary>
public delegate IReadOnlyList<PluginProcessSample> PluginProcessReader();

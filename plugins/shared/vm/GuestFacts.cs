namespace Berth.Plugins.Vm;

/// <summary>What the agent says of itself.</summary>
/// <param name="Kernel">The guest's kernel.</param>
/// <param name="Uptime">Of the kernel, when it answered.</param>
internal sealed record GuestFacts(string Kernel, TimeSpan Uptime);

/// <summary>How long a boot took.</summary>
/// <param name="Machine">From the hypervisor's start to the agent's answer.</param>
/// <param name="Guest">Of that in the guest: its kernel and the agent.</param>
internal sealed record BootTime(TimeSpan Machine, TimeSpan Guest);

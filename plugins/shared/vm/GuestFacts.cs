namespace Berth.Plugins.Vm;

/// <summary>What the agent says of itself.</summary>
/// <param name="Kernel">The guest's kernel.</param>
/// <param name="Uptime">Of the kernel, when it answered.</param>
internal sealed record GuestFacts(string Kernel, TimeSpan Uptime);

using Berth.Abstractions;

namespace Berth.Metrics;

/// <summary>A look at a cgroup.</summary>
/// <param name="Usage">The counters.</param>
/// <param name="UsageNanoCores">Processor use since the look before, in billionths of a processor; null at the first look.</param>
public sealed record UsageSample(ResourceUsage Usage, ulong? UsageNanoCores);

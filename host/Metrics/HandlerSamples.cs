using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Metrics;

/// <summary>Usage that handlers tell, for what the host's cgroups do not show: the use of processors is what was spent since the last time.</summary>
public sealed class HandlerSamples
{
    // Over less than this the rate says more about the clock than about the container.
    private static readonly TimeSpan ShortestSpan = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Look> _looks = new();

    /// <summary>Keeps what a handler told, and gives it with the use of processors since.</summary>
    /// <param name="id">A container's or sandbox's id.</param>
    /// <param name="usage">What the handler told.</param>
    public UsageSample Take(string id, ResourceUsage usage) =>
        new(usage, _looks.AddOrUpdate(id, static (_, now) => new(now, null), static (_, before, now) => before.Then(now), usage).Rate);

    /// <summary>Forgets it; an unknown id is ignored.</summary>
    public void Forget(string id) => _looks.TryRemove(id, out _);

    private sealed record Look(ResourceUsage Usage, ulong? Rate)
    {
        public Look Then(ResourceUsage now)
        {
            var elapsed = now.Timestamp - Usage.Timestamp;
            if (elapsed < ShortestSpan)
            {
                return this;
            }

            // A counter that went back is that of another attempt.
            return new(now, now.CpuNanoseconds is { } spent && spent >= Usage.CpuNanoseconds ? (ulong)((spent - Usage.CpuNanoseconds) / elapsed.TotalSeconds) : null);
        }
    }
}

using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Usage as the Engine reads it from the cgroup, once and without a second sample.</summary>
internal static class EngineStats
{
    public static async Task<ResourceUsage> ReadAsync(string id, string engineId, HandlerTools tools, CancellationToken cancellationToken)
    {
        var answer = new Answer();
        await tools.Engine.CallAsync(
            $"stats of container {id}",
            (c, token) => c.Containers.GetContainerStatsAsync(engineId, new() { Stream = false, OneShot = true }, answer, token),
            cancellationToken).ConfigureAwait(false);
        return answer.Value is { } stats
            ? Translate(stats, tools.Check.MachineMemory, tools.Clock.GetUtcNow())
            : throw RuntimeException.Unavailable($"the Docker Engine gave no stats of container {id}");
    }

    /// <param name="stats">The Engine's answer.</param>
    /// <param name="machineMemory">What the Engine gives as limit where there is none.</param>
    /// <param name="now">The time.</param>
    public static ResourceUsage Translate(ContainerStatsResponse stats, ulong machineMemory, DateTimeOffset now)
    {
        var memory = stats.MemoryStats;
        // v1 has the total_ names for a cgroup with those beneath, v2 only the plain ones.
        var inactive = Figure("total_inactive_file", "inactive_file") ?? 0;
        var working = memory?.Usage is { } used ? used > inactive ? used - inactive : 0 : (ulong?)null;
        return new()
        {
            Timestamp = now,
            CpuNanoseconds = stats.CPUStats?.CPUUsage?.TotalUsage,
            MemoryUsageBytes = memory?.Usage,
            MemoryWorkingSetBytes = working,
            MemoryRssBytes = Figure("total_rss", "anon"),
            MemoryAvailableBytes = memory?.Limit is > 0 and var limit && limit < machineMemory && working is { } w ? limit > w ? limit - w : 0 : null,
            PageFaults = Figure("total_pgfault", "pgfault"),
            MajorPageFaults = Figure("total_pgmajfault", "pgmajfault"),
            ProcessCount = stats.PidsStats?.Current,
        };

        ulong? Figure(string v1, string v2) => memory?.Stats is not { } all ? null : all.TryGetValue(v1, out var value) || all.TryGetValue(v2, out value) ? value : null;
    }

    /// <summary>The sum; what one of them does not know is left out of it.</summary>
    public static ResourceUsage Sum(IReadOnlyList<ResourceUsage> parts, DateTimeOffset now)
    {
        return new()
        {
            Timestamp = now,
            CpuNanoseconds = Of(static u => u.CpuNanoseconds),
            MemoryUsageBytes = Of(static u => u.MemoryUsageBytes),
            MemoryWorkingSetBytes = Of(static u => u.MemoryWorkingSetBytes),
            MemoryRssBytes = Of(static u => u.MemoryRssBytes),
            PageFaults = Of(static u => u.PageFaults),
            MajorPageFaults = Of(static u => u.MajorPageFaults),
            ProcessCount = Of(static u => u.ProcessCount),
        };

        ulong? Of(Func<ResourceUsage, ulong?> member) => parts.Select(member).Aggregate((ulong?)null, static (sum, value) => value is null ? sum : (sum ?? 0) + value);
    }

    // In the order that they come, unlike Progress<T>.
    private sealed class Answer : IProgress<ContainerStatsResponse>
    {
        public ContainerStatsResponse? Value { get; private set; }

        public void Report(ContainerStatsResponse value) => Value = value;
    }
}

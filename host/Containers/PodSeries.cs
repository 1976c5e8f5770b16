using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>A metric of pods and containers, by the name under which kubelets have always exposed it (cAdvisor's).</summary>
/// <param name="Name">Such as <c>container_memory_rss</c>.</param>
/// <param name="Help">One line.</param>
/// <param name="IsCounter">It only grows; else it is a gauge.</param>
/// <param name="Labels">The names of all labels, the common ones first.</param>
public sealed record PodMetric(string Name, string Help, bool IsCounter, IReadOnlyList<string> Labels);

/// <summary>A value of a metric.</summary>
public sealed record PodSeries(PodMetric Metric, IReadOnlyList<string> LabelValues, double Value);

/// <summary>The values of one pod, read together.</summary>
/// <param name="SandboxId">The sandbox.</param>
/// <param name="Time">When they were read.</param>
/// <param name="OfPod">Those of the pod as a whole.</param>
/// <param name="OfContainers">Those of each container, by its id.</param>
public sealed record PodSeriesSet(string SandboxId, DateTimeOffset Time, IReadOnlyList<PodSeries> OfPod, IReadOnlyDictionary<string, IReadOnlyList<PodSeries>> OfContainers);

/// <summary>Reads the series of all pods that are ready.</summary>
public sealed class PodSeriesReader(SandboxRegistry sandboxes, SandboxUsage sandboxUsage, ContainerRegistry containers, ContainerUsage containerUsage, MetricDetails details)
{
    public async Task<IReadOnlyList<PodSeriesSet>> ReadAsync(CancellationToken cancellationToken)
    {
        var ready = sandboxes.List().Where(static s => s.Phase == SandboxPhase.Ready).ToList();
        var usage = await sandboxUsage.GetAsync(ready, cancellationToken);
        var running = containers.List().Where(static c => c.Phase == ContainerPhase.Running).ToList();
        var used = await containerUsage.GetAsync(running, cancellationToken);
        var more = await details.OfContainersAsync(running);
        var ofPod = running.ToLookup(static c => c.SandboxId);
        return
        [
            .. ready.Where(s => usage.GetValueOrDefault(s.Id) is not null).Select(s => new PodSeriesSet(
                s.Id,
                usage[s.Id]!.Usage.Timestamp,
                PodMetrics.OfPod(s, usage[s.Id]!, details.OfPod(s)),
                ofPod[s.Id].Where(c => used.GetValueOrDefault(c.Id) is not null).ToDictionary(static c => c.Id, c => PodMetrics.OfContainer(s, c, used[c.Id]!, more[c.Id])))),
        ];
    }
}

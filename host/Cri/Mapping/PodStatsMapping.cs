using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Cri.Mapping;

/// <summary>Usage of pods.</summary>
internal static class PodStatsMapping
{
    // What CNI plugins and kubelets call a pod's first interface.
    private const string UsualInterface = "eth0";

    /// <summary>Without a sample (it is not ready) the answer only says which pod it is.</summary>
    public static Protos.PodSandboxStats ToProto(Sandbox sandbox, SandboxUsageSample? sample, IReadOnlyList<Protos.ContainerStats> containers)
    {
        var stats = new Protos.PodSandboxStats
        {
            Attributes = new()
            {
                Id = sandbox.Id,
                Metadata = SandboxMapping.Metadata(sandbox.Spec),
                Labels = { sandbox.Spec.Labels.ToDictionary() },
                Annotations = { sandbox.Spec.Annotations.ToDictionary() },
            },
            Linux = new() { Containers = { containers } },
        };
        if (sample is not null)
        {
            var usage = sample.Usage;
            stats.Linux.Cpu = StatsMapping.Cpu(usage, sample.UsageNanoCores);
            stats.Linux.Memory = StatsMapping.Memory(usage);
            stats.Linux.Io = StatsMapping.Io(usage);
            stats.Linux.Process = new() { Timestamp = UnixNanoseconds.Of(usage.Timestamp), ProcessCount = StatsMapping.Value(usage.ProcessCount) };
            stats.Linux.Network = Network(sandbox, sample);
        }

        return stats;
    }

    private static Protos.NetworkUsage? Network(Sandbox sandbox, SandboxUsageSample sample)
    {
        if (sample.Links.Count == 0)
        {
            return null;
        }

        var first = sandbox.Network is { Interfaces: [var named, ..] } ? named.Name : UsualInterface;
        var main = sample.Links.FirstOrDefault(l => l.Name == first) ?? sample.Links[0];
        return new()
        {
            Timestamp = UnixNanoseconds.Of(sample.LinksAt),
            DefaultInterface = Interface(main),
            // All but the default one, as the API has it: kubelets add that themselves.
            Interfaces = { sample.Links.Where(l => l != main).Select(Interface) },
        };
    }

    private static Protos.NetworkInterfaceUsage Interface(LinkUsage link) => new()
    {
        Name = link.Name,
        RxBytes = StatsMapping.Value(link.RxBytes),
        RxErrors = StatsMapping.Value(link.RxErrors),
        TxBytes = StatsMapping.Value(link.TxBytes),
        TxErrors = StatsMapping.Value(link.TxErrors),
    };
}

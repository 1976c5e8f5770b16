using Berth.Containers;
using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<ContainerStatsResponse> ContainerStats(ContainerStatsRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        return new() { Stats = StatsMapping.ToProto(container, await containers.Usage.GetAsync(container, context.CancellationToken)) };
    }

    public override async Task<ListContainerStatsResponse> ListContainerStats(ListContainerStatsRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        var wanted = containers.Registry.List().Where(container => ListFilters.Matches(container, filter)).ToList();
        var usage = await containers.Usage.GetAsync(wanted, context.CancellationToken);
        return new() { Stats = { wanted.Select(c => StatsMapping.ToProto(c, usage.GetValueOrDefault(c.Id))) } };
    }

    public override async Task<PodSandboxStatsResponse> PodSandboxStats(PodSandboxStatsRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        var usage = await sandboxes.Usage.GetAsync(sandbox, context.CancellationToken);
        var running = containers.Registry.OfSandbox(sandbox.Id).Where(static c => c.Phase == ContainerPhase.Running).ToList();
        var stats = await Task.WhenAll(running.Select(async c => StatsMapping.ToProto(c, await containers.Usage.GetAsync(c, context.CancellationToken))));
        return new() { Stats = PodStatsMapping.ToProto(sandbox, usage, stats) };
    }

    public override async Task<ListPodSandboxStatsResponse> ListPodSandboxStats(ListPodSandboxStatsRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        var wanted = sandboxes.Registry.List().Where(sandbox => ListFilters.Matches(sandbox, filter)).ToList();
        var usage = await sandboxes.Usage.GetAsync(wanted, context.CancellationToken);
        var pods = wanted.Select(static s => s.Id).ToHashSet();
        var running = containers.Registry.List().Where(c => c.Phase == ContainerPhase.Running && pods.Contains(c.SandboxId)).ToList();
        var used = await containers.Usage.GetAsync(running, context.CancellationToken);
        var ofPod = running.ToLookup(static c => c.SandboxId);
        return new()
        {
            Stats = { wanted.Select(s => PodStatsMapping.ToProto(s, usage.GetValueOrDefault(s.Id), [.. ofPod[s.Id].Select(c => StatsMapping.ToProto(c, used.GetValueOrDefault(c.Id)))])) },
        };
    }
}

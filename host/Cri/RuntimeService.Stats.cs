using Berth.Containers;
using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Berth.Sandboxes;
using Grpc.Core;
using Container = Berth.Containers.Container;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<ContainerStatsResponse> ContainerStats(ContainerStatsRequest request, ServerCallContext context) =>
        new() { Stats = await StatsAsync(FindContainer(request.ContainerId), context.CancellationToken) };

    public override async Task<ListContainerStatsResponse> ListContainerStats(ListContainerStatsRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        var wanted = containers.Registry.List().Where(container => ListFilters.Matches(container, filter));
        return new() { Stats = { await Task.WhenAll(wanted.Select(container => StatsAsync(container, context.CancellationToken))) } };
    }

    public override async Task<PodSandboxStatsResponse> PodSandboxStats(PodSandboxStatsRequest request, ServerCallContext context) =>
        new() { Stats = (await StatsAsync([FindSandbox(request.PodSandboxId)], context.CancellationToken))[0] };

    public override async Task<ListPodSandboxStatsResponse> ListPodSandboxStats(ListPodSandboxStatsRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        var wanted = sandboxes.Registry.List().Where(sandbox => ListFilters.Matches(sandbox, filter)).ToList();
        return new() { Stats = { await StatsAsync(wanted, context.CancellationToken) } };
    }

    private async Task<PodSandboxStats[]> StatsAsync(IReadOnlyList<Sandbox> wanted, CancellationToken cancellationToken)
    {
        var usage = await sandboxes.Usage.GetAsync(wanted, cancellationToken);
        var all = containers.Registry.List().ToLookup(static c => c.SandboxId);
        return await Task.WhenAll(wanted.Select(async sandbox => PodStatsMapping.ToProto(
            sandbox,
            usage.GetValueOrDefault(sandbox.Id),
            await Task.WhenAll(all[sandbox.Id].Where(static c => c.Phase == ContainerPhase.Running).Select(c => StatsAsync(c, cancellationToken))))));
    }

    private async Task<ContainerStats> StatsAsync(Container container, CancellationToken cancellationToken) =>
        StatsMapping.ToProto(container, await containers.Usage.GetAsync(container, cancellationToken));
}

using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;
using Container = Berth.Containers.Container;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<ContainerStatsResponse> ContainerStats(ContainerStatsRequest request, ServerCallContext context) =>
        new() { Stats = await StatsAsync(FindContainer(request.ContainerId), context.CancellationToken) };

    public override async Task<ListContainerStatsResponse> ListContainerStats(ListContainerStatsRequest request, ServerCallContext context)
    {
        var wanted = containers.Registry.List().Where(container => ListFilters.Matches(container, request.Filter));
        return new() { Stats = { await Task.WhenAll(wanted.Select(container => StatsAsync(container, context.CancellationToken))) } };
    }

    private async Task<ContainerStats> StatsAsync(Container container, CancellationToken cancellationToken) =>
        StatsMapping.ToProto(container, await containers.Usage.GetAsync(container, cancellationToken));
}

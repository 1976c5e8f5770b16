using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

/// <summary>The lists in parts: the same answers, for nodes where one message would be too large.</summary>
public sealed partial class RuntimeService
{
    public override async Task StreamPodSandboxes(StreamPodSandboxesRequest request, IServerStreamWriter<StreamPodSandboxesResponse> responseStream, ServerCallContext context)
    {
        var all = await ListPodSandbox(new() { Filter = request.Filter }, context);
        await ListStream.SendAsync(all.Items, static part => new StreamPodSandboxesResponse { PodSandboxes = { part } }, responseStream, context.CancellationToken);
    }

    public override async Task StreamContainers(StreamContainersRequest request, IServerStreamWriter<StreamContainersResponse> responseStream, ServerCallContext context)
    {
        var all = await ListContainers(new() { Filter = request.Filter }, context);
        await ListStream.SendAsync(all.Containers, static part => new StreamContainersResponse { Containers = { part } }, responseStream, context.CancellationToken);
    }

    public override async Task StreamContainerStats(StreamContainerStatsRequest request, IServerStreamWriter<StreamContainerStatsResponse> responseStream, ServerCallContext context)
    {
        var all = await ListContainerStats(new() { Filter = request.Filter }, context);
        await ListStream.SendAsync(all.Stats, static part => new StreamContainerStatsResponse { ContainerStats = { part } }, responseStream, context.CancellationToken);
    }

    public override async Task StreamPodSandboxStats(StreamPodSandboxStatsRequest request, IServerStreamWriter<StreamPodSandboxStatsResponse> responseStream, ServerCallContext context)
    {
        var all = await ListPodSandboxStats(new() { Filter = request.Filter }, context);
        await ListStream.SendAsync(all.Stats, static part => new StreamPodSandboxStatsResponse { PodSandboxStats = { part } }, responseStream, context.CancellationToken);
    }

    public override async Task StreamPodSandboxMetrics(StreamPodSandboxMetricsRequest request, IServerStreamWriter<StreamPodSandboxMetricsResponse> responseStream, ServerCallContext context)
    {
        var all = await ListPodSandboxMetrics(new(), context);
        await ListStream.SendAsync(all.PodMetrics, static part => new StreamPodSandboxMetricsResponse { PodSandboxMetrics = { part } }, responseStream, context.CancellationToken);
    }
}

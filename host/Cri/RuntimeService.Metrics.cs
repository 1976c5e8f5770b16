using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override Task<ListMetricDescriptorsResponse> ListMetricDescriptors(ListMetricDescriptorsRequest request, ServerCallContext context) =>
        Task.FromResult(MetricMapping.Descriptors());

    public override async Task<ListPodSandboxMetricsResponse> ListPodSandboxMetrics(ListPodSandboxMetricsRequest request, ServerCallContext context)
    {
        var pods = await series.ReadAsync(context.CancellationToken);
        return new() { PodMetrics = { pods.Select(MetricMapping.ToProto) } };
    }
}

using System.Reflection;
using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    // The informational version without the commit that the build adds: the API wants a semantic version.
    private static readonly string OwnVersion =
        typeof(RuntimeService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public override Task<VersionResponse> Version(VersionRequest request, ServerCallContext context) =>
        Task.FromResult(new VersionResponse
        {
            Version = "0.1.0", // of the kubelet's side of the API; it has never changed
            RuntimeName = "berth",
            RuntimeVersion = OwnVersion,
            RuntimeApiVersion = "v1",
        });

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context) =>
        Task.FromResult(StatusMapping.ToProto(gateway.Read(), request.Verbose));

    public override Task<RuntimeConfigResponse> RuntimeConfig(RuntimeConfigRequest request, ServerCallContext context) =>
        Task.FromResult(new RuntimeConfigResponse { Linux = new() { CgroupDriver = StatusMapping.ToProto(gateway.CgroupDriver) } });

    // The pod CIDR belongs to whoever writes the CNI configuration.
    public override Task<UpdateRuntimeConfigResponse> UpdateRuntimeConfig(UpdateRuntimeConfigRequest request, ServerCallContext context)
    {
        if (request.RuntimeConfig?.NetworkConfig?.PodCidr is { Length: > 0 } podCidr)
        {
            var checkedCidr = NetworkMapping.CheckCidrs(podCidr, "runtime_config.network_config.pod_cidr");
            logger.PodCidr(checkedCidr);
        }

        return Task.FromResult(new UpdateRuntimeConfigResponse());
    }
}

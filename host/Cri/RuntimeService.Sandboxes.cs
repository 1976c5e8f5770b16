using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<RunPodSandboxResponse> RunPodSandbox(RunPodSandboxRequest request, ServerCallContext context)
    {
        var spec = SandboxMapping.ToSpec(request.Config);
        return new() { PodSandboxId = await sandboxes.Runner.RunAsync(spec, request.RuntimeHandler, context.CancellationToken) };
    }

    public override async Task<StopPodSandboxResponse> StopPodSandbox(StopPodSandboxRequest request, ServerCallContext context)
    {
        await sandboxes.Stopper.StopAsync(Field.Text(request.PodSandboxId, "pod_sandbox_id"), context.CancellationToken);
        return new();
    }

    public override async Task<RemovePodSandboxResponse> RemovePodSandbox(RemovePodSandboxRequest request, ServerCallContext context)
    {
        await sandboxes.Remover.RemoveAsync(Field.Text(request.PodSandboxId, "pod_sandbox_id"), context.CancellationToken);
        return new();
    }

    public override Task<PodSandboxStatusResponse> PodSandboxStatus(PodSandboxStatusRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        var answer = new PodSandboxStatusResponse { Status = SandboxMapping.ToStatus(sandbox) };
        if (request.Verbose)
        {
            var handler = gateway.Read().Handlers.FirstOrDefault(h => h.Name == sandbox.Handler);
            answer.Info["info"] = VerboseInfo.Of(sandbox, handler);
        }

        return Task.FromResult(answer);
    }

    public override Task<ListPodSandboxResponse> ListPodSandbox(ListPodSandboxRequest request, ServerCallContext context) =>
        Task.FromResult(new ListPodSandboxResponse
        {
            Items = { sandboxes.Registry.List().Where(sandbox => ListFilters.Matches(sandbox, request.Filter)).Select(SandboxMapping.ToListItem) },
        });
}

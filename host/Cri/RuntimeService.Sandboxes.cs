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
        var answer = new PodSandboxStatusResponse
        {
            Status = SandboxMapping.ToStatus(sandbox),
            ContainersStatuses = { containers.Registry.OfSandbox(sandbox.Id).Where(static c => c.IsVisible).Select(ContainerMapping.ToStatus) },
            Timestamp = UnixNanoseconds.Of(time.GetUtcNow()),
        };
        if (request.Verbose)
        {
            answer.Info["info"] = VerboseInfo.Of(sandbox);
        }

        return Task.FromResult(answer);
    }

    public override Task<ListPodSandboxResponse> ListPodSandbox(ListPodSandboxRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        return Task.FromResult(new ListPodSandboxResponse
        {
            Items = { sandboxes.Registry.List().Where(sandbox => ListFilters.Matches(sandbox, filter)).Select(SandboxMapping.ToListItem) },
        });
    }

    public override async Task<UpdatePodSandboxResourcesResponse> UpdatePodSandboxResources(UpdatePodSandboxResourcesRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        if (request is { Overhead: null, Resources: null })
        {
            throw Field.Wrong("resources", "is missing, and overhead too; give one of them");
        }

        var overhead = request.Overhead is null ? null : ResourceMapping.ToDomain(request.Overhead, "overhead");
        var resources = request.Resources is null ? null : ResourceMapping.ToDomain(request.Resources, "resources");
        await sandboxes.Updater.UpdateAsync(sandbox.Id, overhead, resources, context.CancellationToken);
        return new();
    }
}

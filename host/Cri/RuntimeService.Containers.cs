using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<CreateContainerResponse> CreateContainer(CreateContainerRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        SandboxMapping.CheckSame(request.SandboxConfig, sandbox);
        var spec = ContainerSpecMapping.ToSpec(request.Config, sandbox.Spec.Namespaces);
        return new() { ContainerId = await containers.Creator.CreateAsync(sandbox.Id, spec, context.CancellationToken) };
    }

    public override async Task<StartContainerResponse> StartContainer(StartContainerRequest request, ServerCallContext context)
    {
        await containers.Starter.StartAsync(FindContainer(request.ContainerId).Id, context.CancellationToken);
        return new();
    }

    public override async Task<StopContainerResponse> StopContainer(StopContainerRequest request, ServerCallContext context)
    {
        var id = Field.Text(request.ContainerId, "container_id");
        await containers.Stopper.StopAsync(id, Durations.FromSeconds(request.Timeout, "timeout"), context.CancellationToken);
        return new();
    }

    public override async Task<RemoveContainerResponse> RemoveContainer(RemoveContainerRequest request, ServerCallContext context)
    {
        await containers.Remover.RemoveAsync(Field.Text(request.ContainerId, "container_id"), context.CancellationToken);
        return new();
    }

    public override Task<ListContainersResponse> ListContainers(ListContainersRequest request, ServerCallContext context)
    {
        var filter = ListFilters.Checked(request.Filter);
        return Task.FromResult(new ListContainersResponse
        {
            Containers = { containers.Registry.List().Where(container => ListFilters.Matches(container, filter)).Select(ContainerMapping.ToListItem) },
        });
    }

    public override Task<ContainerStatusResponse> ContainerStatus(ContainerStatusRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        var answer = new ContainerStatusResponse { Status = ContainerMapping.ToStatus(container) };
        if (request.Verbose)
        {
            answer.Info["info"] = VerboseInfo.Of(container, sandboxes.Registry.Get(container.SandboxId));
        }

        return Task.FromResult(answer);
    }

    public override async Task<UpdateContainerResourcesResponse> UpdateContainerResources(UpdateContainerResourcesRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        if (request.Windows is not null)
        {
            throw Field.Wrong("windows", "is given, but this is a Linux node; leave it out");
        }

        var resources = ResourceMapping.ToDomain(Field.Required(request.Linux, "linux"), "linux");
        RefuseOptions(request.Annotations, "annotations");
        await containers.Updater.UpdateAsync(container.Id, resources, context.CancellationToken);
        return new();
    }

    public override async Task<ReopenContainerLogResponse> ReopenContainerLog(ReopenContainerLogRequest request, ServerCallContext context)
    {
        await containers.Logs.ReopenAsync(FindContainer(request.ContainerId).Id, context.CancellationToken);
        return new();
    }
}

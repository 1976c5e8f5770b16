using Berth.Cri.Mapping;
using Berth.Cri.Protos;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace Berth.Cri;

public sealed partial class RuntimeService
{
    public override async Task<CheckpointContainerResponse> CheckpointContainer(CheckpointContainerRequest request, ServerCallContext context)
    {
        var container = FindContainer(request.ContainerId);
        var location = Field.OptionalAbsolutePath(Field.Text(request.Location, "location"), "location");
        var limit = Durations.FromSeconds(request.Timeout, "timeout");
        await checkpoints.Containers.CheckpointAsync(container.Id, location, limit, context.CancellationToken);
        return new();
    }

    public override async Task<CheckpointPodResponse> CheckpointPod(CheckpointPodRequest request, ServerCallContext context)
    {
        var sandbox = FindSandbox(request.PodSandboxId);
        var path = Field.OptionalAbsolutePath(Field.Text(request.OutputPath, "output_path"), "output_path");
        RefuseOptions(request.Options);
        var ids = request.ContainerIds.Select((id, index) => containers.Registry.Find(Field.Text(id, $"container_ids[{index}]"))?.Id
            ?? throw Abstractions.RuntimeException.NotFound($"container {Field.Show(id)} (container_ids[{index}]) does not exist"));
        await checkpoints.Pods.CheckpointAsync(sandbox.Id, path, [.. ids], context.CancellationToken);
        return new();
    }

    public override async Task<RestorePodResponse> RestorePod(RestorePodRequest request, ServerCallContext context)
    {
        var path = Field.OptionalAbsolutePath(Field.Text(request.CheckpointPath, "checkpoint_path"), "checkpoint_path");
        RefuseOptions(request.Options);
        var pod = SandboxMapping.ToSpec(request.Config);
        if (request.ContainerConfigs.Count == 0)
        {
            throw Field.Wrong("container_configs", "is empty; give the configuration of each container, for none is taken from the checkpoint");
        }

        var specs = request.ContainerConfigs.Select(c => ContainerSpecMapping.ToSpec(c, pod.Namespaces)).ToList();
        if (specs.GroupBy(static s => s.Name).FirstOrDefault(static g => g.Count() > 1) is { } twice)
        {
            throw Field.Wrong("container_configs", $"has {Field.Show(twice.Key)} twice");
        }

        var (sandboxId, restored) = await checkpoints.Restorer.RestoreAsync(path, pod, request.RuntimeHandler, specs, context.CancellationToken);
        return new()
        {
            PodSandboxId = sandboxId,
            RestoredContainers = { restored.Select(static c => new RestoredContainer { Name = c.Name, ContainerId = c.Id }) },
        };
    }

    // They are each runtime's own, and what is not known must not be taken for done.
    private static void RefuseOptions(MapField<string, string> options, string field = "options")
    {
        if (options.Keys.FirstOrDefault() is { } key)
        {
            throw Field.Wrong(field, $"has {Field.Show(key)}, which is no option of this runtime; there is none");
        }
    }
}

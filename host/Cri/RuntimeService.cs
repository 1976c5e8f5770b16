using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Checkpoints;
using Berth.Cri.Mapping;
using Berth.Cri.Wire;
using Berth.Sandboxes;
using Berth.Streaming;
using Grpc.Core;

namespace Berth.Cri;

/// <summary>
/// CRI's RuntimeService. Each method maps the request, calls one verb of the domain and maps the result; deadline, log,
/// metric and status codes are <see cref="CriInterceptor"/>'s. The parts are by noun. A method of the API that is in none
/// of them answers Unimplemented.
/// </summary>
[BindServiceMethod(typeof(StrictBinder), nameof(StrictBinder.Runtime))]
public sealed partial class RuntimeService(
    SandboxVerbs sandboxes,
    ContainerVerbs containers,
    CheckpointVerbs checkpoints,
    GatewayStatus gateway,
    PodEvents events,
    PodSeriesReader series,
    StreamingUrls streaming,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<RuntimeService> logger)
    : Protos.RuntimeService.RuntimeServiceBase
{
    private Sandbox FindSandbox(string id) =>
        sandboxes.Registry.Find(Field.Text(id, "pod_sandbox_id"))
            ?? throw RuntimeException.NotFound($"pod sandbox {Field.Show(id)} does not exist");

    private Container FindContainer(string id) =>
        containers.Registry.Find(Field.Text(id, "container_id"))
            ?? throw RuntimeException.NotFound($"container {Field.Show(id)} does not exist");
}

/// <summary>What can be done with a pod sandbox.</summary>
public sealed record SandboxVerbs(SandboxRegistry Registry, SandboxRunner Runner, SandboxStopper Stopper, SandboxRemover Remover, SandboxUpdater Updater, SandboxUsage Usage);

/// <summary>What can be done with a container.</summary>
public sealed record ContainerVerbs(
    ContainerRegistry Registry,
    ContainerCreator Creator,
    ContainerStarter Starter,
    ContainerStopper Stopper,
    ContainerRemover Remover,
    ContainerExec Exec,
    ContainerUpdater Updater,
    ContainerLogs Logs,
    ContainerUsage Usage);

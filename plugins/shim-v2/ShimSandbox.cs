using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>A pod: its shim, and where the runtime or a shared PID namespace needs one, a container of its own.</summary>
internal sealed class ShimSandbox : ISandbox
{
    private readonly IProcess? _init;
    private readonly ContainerFactory _factory;
    private readonly ConcurrentDictionary<string, ShimContainer> _containers = new();

    public ShimSandbox(Pod pod, IProcess? init, ContainerFactory factory, TimeProvider clock)
    {
        (Pod, _init, _factory) = (pod, init, factory);
        Exit = init?.Exit ?? ShimEndAsync(pod, clock);
    }

    public string Id => Pod.Request.SandboxId;

    /// <summary>The process of its own container; null if it has none.</summary>
    public IProcess? Init => _init;

    public Pod Pod { get; }

    public Task<ProcessExit> Exit { get; }

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken)
    {
        var details = new Dictionary<string, string>
        {
            ["shim"] = Pod.Shim is { Ended.IsCompleted: false } shim ? $"pid {shim.Pid}, {shim.Bootstrap.Address}, protocol version {shim.Bootstrap.Version}" : "ended",
        };
        return Task.FromResult(_init is not { Pid: > 0 }
            ? new SandboxInfo { Details = details }
            : new SandboxInfo
            {
                Pid = _init.Pid,
                NamespacePaths = Pod.Request.NeedsInit ? new Dictionary<string, string> { ["pid"] = $"/proc/{_init.Pid}/ns/pid" } : new Dictionary<string, string>(),
                Details = details,
            });
    }

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        if (request.LogPath?.Contains('\0') == true)
        {
            throw RuntimeException.InvalidArgument($"container {request.ContainerId}: its log path holds a NUL");
        }

        return _containers[request.ContainerId] =
            await _factory.CreateAsync(Pod, request, FindContainer(request.ContainerId)?.Init, cancellationToken).ConfigureAwait(false);
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public async Task RestoreContainerAsync(RestoreContainer container) =>
        _containers[container.Create.ContainerId] = await _factory.RestoreAsync(Pod, container).ConfigureAwait(false);

    public void Forget(string containerId) => _containers.TryRemove(containerId, out _);

    private static async Task<ProcessExit> ShimEndAsync(Pod pod, TimeProvider clock)
    {
        await (pod.Shim?.Ended ?? Task.CompletedTask).ConfigureAwait(false);
        if (pod.Shim is { IsLetGo: true })
        {
            await new TaskCompletionSource().Task.ConfigureAwait(false);
        }

        return ShimTools.Lost("the pod's shim has ended", clock);
    }
}

using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>A pod: nothing of its own, or an init that holds the PID namespace which its containers share.</summary>
internal sealed class OciSandbox(string id, IProcess? init, ContainerFactory factory) : ISandbox
{
    private readonly ConcurrentDictionary<string, OciContainer> _containers = new();
    private readonly TaskCompletionSource<ProcessExit> _never = new();

    public string Id => id;

    public Task<ProcessExit> Exit => init?.Exit ?? _never.Task;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Task.FromResult(init is not { Pid: > 0 } ? new SandboxInfo() : new SandboxInfo
    {
        Pid = init.Pid,
        NamespacePaths = new Dictionary<string, string> { ["pid"] = $"/proc/{init.Pid}/ns/pid" },
    });

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        if (request is { LogPath: { } log } && log.Contains(':'))
        {
            throw RuntimeException.InvalidArgument($"container {request.ContainerId}: log path {log} holds a colon, which the monitor takes as a separator");
        }

        return _containers[request.ContainerId] =
            await factory.CreateAsync(id, MonitoredContainer.Of(request), request.Cgroup, cancellationToken).ConfigureAwait(false);
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public async Task RestoreContainerAsync(RestoreContainer container)
    {
        var request = container.Create;
        _containers[request.ContainerId] =
            await factory.RestoreAsync(id, MonitoredContainer.Of(request), request.Cgroup, container.State, container.Started).ConfigureAwait(false);
    }

    public void Forget(string containerId) => _containers.TryRemove(containerId, out _);
}

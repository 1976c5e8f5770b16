using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>A pod: a holder, and the containers that join it.</summary>
internal sealed class DockerSandbox(StartSandboxRequest start, string holderId, DockerInit holder, ContainerCreator creator, ContainerRemover remover, HandlerTools tools) : ISandbox
{
    private readonly ConcurrentDictionary<string, DockerContainer> _containers = new();
    private readonly PrepareSandboxRequest _request = start.Sandbox;

    public string Id => _request.SandboxId;

    public DockerInit Holder => holder;

    public Task<ProcessExit> Exit => holder.Exit;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxInfo
    {
        Pid = holder.Pid,
        NamespacePaths = Namespaces(),
        Details = new Dictionary<string, string> { ["dockerContainer"] = holderId },
    });

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest container, CancellationToken cancellationToken)
    {
        var id = container.ContainerId;
        await remover.RemoveAsync(id, null, FindProcess(id), cancellationToken).ConfigureAwait(false);
        var place = new PodPlace
        {
            Holder = holderId,
            HolderPid = holder.Pid,
            CgroupParent = "",
            Containers = _containers.Values.Where(static c => c.Init.Pid > 0 && !c.Init.Exit.IsCompleted).ToDictionary(static c => c.Init.Pid, static c => c.EngineId),
        };
        try
        {
            return _containers[id] = await creator.CreateAsync(container, _request.Pod, place, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            await remover.RemoveAsync(id, null, null, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public DockerInit? FindProcess(string containerId) => _containers.GetValueOrDefault(containerId)?.Process;

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        var running = _containers.Values.Where(static c => c.Init.Pid > 0 && !c.Init.Exit.IsCompleted).Select(static c => c.EngineId).Append(holderId);
        var parts = await Task.WhenAll(running.Select(id => EngineStats.ReadAsync(Id, id, tools, cancellationToken))).ConfigureAwait(false);
        return EngineStats.Sum(parts, tools.Clock.GetUtcNow());
    }

    public async Task RestoreContainerAsync(RestoreContainer container, CancellationToken cancellationToken) =>
        _containers[container.Create.ContainerId] = await creator.RestoreAsync(container, cancellationToken).ConfigureAwait(false);

    private Dictionary<string, string> Namespaces()
    {
        var paths = new Dictionary<string, string>();
        if (start.Network is not null)
        {
            paths["network"] = tools.Folders.NetworkPin(Id);
        }

        if (_request.NeedsInit && holder.Pid > 0)
        {
            paths["pid"] = $"/proc/{holder.Pid}/ns/pid";
        }

        return paths;
    }

    public void Forget(string containerId) => _containers.TryRemove(containerId, out _);
}

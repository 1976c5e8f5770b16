using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Docker;

/// <summary>A container of the Engine.</summary>
internal sealed class DockerContainer(string id, string engineId, DockerInit init, LogCopy? log, ContainerCgroup cgroup, HandlerTools tools) : IContainer
{
    private readonly WritableLayer _layer = new(engineId, tools);

    public string Id => id;

    /// <summary>The Engine's id of it; empty if nothing of it is left.</summary>
    public string EngineId => engineId;

    public DockerInit Process => init;

    public IProcess Init => init;

    public Task<IProcess> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("exec");
        return Task.FromResult<IProcess>(new DockerExec(id, engineId, request, cgroup, tools));
    }

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("attach");
        var client = await DockerAttachment.BeginAsync(id, engineId, request, tools, cancellationToken).ConfigureAwait(false);
        init.Clients.Add(client);
        return client;
    }

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken)
    {
        DemandRunning("update");
        var parameters = ResourceTranslation.Update(linuxResources);
        return tools.Engine.CallAsync($"update container {id}", (c, token) => c.Containers.UpdateContainerAsync(engineId, parameters, token), cancellationToken);
    }

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        var layer = await _layer.ReadAsync(cancellationToken).ConfigureAwait(false);
        var usage = await EngineStats.ReadAsync(id, engineId, tools, cancellationToken).ConfigureAwait(false);
        return usage with { WritableLayerBytes = (ulong?)layer?.Bytes, WritableLayerInodes = (ulong?)layer?.Inodes };
    }

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult(cgroup.Pids());

    public Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        DemandRunning("reopen log");
        return log?.ReopenAsync(cancellationToken) ?? Task.CompletedTask;
    }

    private void DemandRunning(string verb)
    {
        if (init.Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"{verb}: container {id} has ended");
        }
    }
}

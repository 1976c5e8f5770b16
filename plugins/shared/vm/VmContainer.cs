using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A container in a VM.</summary>
internal sealed class VmContainer(CreateContainerRequest request, VmInit init, GuestAgent agent, VmTools tools) : IContainer
{
    public string Id => request.ContainerId;

    public IProcess Init => init;

    public VmInit Process => init;

    public Task<IProcess> ExecAsync(ExecRequest exec, CancellationToken cancellationToken)
    {
        DemandRunning("exec");
        return Task.FromResult<IProcess>(new VmExec(Id, exec, agent, tools));
    }

    public Task<IAttachment> AttachAsync(AttachRequest attach, CancellationToken cancellationToken)
    {
        DemandRunning("attach");
        return Task.FromResult<IAttachment>(init.Attach(attach));
    }

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken)
    {
        DemandRunning("update");
        var resources = JsonNode.Parse(linuxResources.GetRawText()) as JsonObject
            ?? throw RuntimeException.InvalidArgument($"container {Id}: the new limits are no JSON object");
        return agent.UpdateAsync(Id, JsonSerializer.SerializeToUtf8Bytes(GuestSpec.Resources(resources)), cancellationToken);
    }

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        DemandRunning("stats");
        return UsageMapping.ToUsage(await agent.StatsAsync(Id, cancellationToken).ConfigureAwait(false), tools.Clock.GetUtcNow());
    }

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<int>>([]);

    public Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        DemandRunning("reopen log");
        try
        {
            init.Log.Reopen();
            return Task.CompletedTask;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.Unavailable($"container {Id}: its log {request.LogPath} cannot be opened again: {e.Message}", e);
        }
    }

    private void DemandRunning(string verb)
    {
        if (init.Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"{verb}: container {Id} has ended");
        }
    }
}

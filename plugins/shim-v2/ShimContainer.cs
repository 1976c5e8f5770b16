using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins.ShimV2.Ttrpc;
using Google.Protobuf;

namespace Berth.Plugins.ShimV2;

/// <summary>A container of a shim; without one it has ended.</summary>
internal sealed class ShimContainer(ContainerFacts facts, IProcess init, PodLog log, ShimTools tools) : IContainer
{
    private const string ResourcesType = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
    private readonly ContainerCgroup _cgroup = tools.CgroupOf(facts.State);

    public string Id => facts.Id;

    public IProcess Init => init;

    /// <summary>The bundle's folder and the rest of the private one.</summary>
    public ContainerFiles Files => facts.Files;

    public Task<IProcess> ExecAsync(Berth.Abstractions.ExecRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IProcess>(new ShimExec(facts.Id, request, DemandRunning("exec"), facts.Files, _cgroup, tools));

    public Task UpdateAsync(JsonElement linuxResources, CancellationToken cancellationToken) => CallAsync(
        async shim =>
        {
            var resources = new Google.Protobuf.WellKnownTypes.Any
            {
                TypeUrl = ResourcesType,
                Value = ByteString.CopyFrom(Encoding.UTF8.GetBytes(linuxResources.GetRawText())),
            };
            await shim.UpdateAsync(new() { Id = facts.Id, Resources = resources }, cancellationToken).ConfigureAwait(false);
            return true;
        },
        "update");

    public Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) => CallAsync(
        async shim => ShimUsage.Of(await shim.StatsAsync(facts.Id, cancellationToken).ConfigureAwait(false), tools.Clock.GetUtcNow()), "stats");

    public Task<IReadOnlyList<int>> PidsAsync(CancellationToken cancellationToken) => Task.FromResult(tools.Options.Has("hostProcesses") ? _cgroup.Pids() : []);

    public Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        DemandRunning("reopen log");
        return facts.LogPath is null ? Task.CompletedTask : log.ReopenAsync(facts.Id, cancellationToken);
    }

    public async Task<IAttachment> AttachAsync(AttachRequest request, CancellationToken cancellationToken)
    {
        DemandRunning("attach");
        if (facts.LogPath is null)
        {
            throw RuntimeException.FailedPrecondition($"attach: container {facts.Id} was created without a log, so nobody reads its output");
        }

        var client = await ShimAttachment.BeginAsync(facts, request, log, () => init.CloseStdinAsync(CancellationToken.None), tools.Clock, cancellationToken).ConfigureAwait(false);
        ((ShimInit)init).Clients.Add(client);
        return client;
    }

    private Shim DemandRunning(string verb) => init is ShimInit { Exit.IsCompleted: false } running
        ? running.Shim
        : throw RuntimeException.FailedPrecondition($"{verb}: container {facts.Id} has ended");

    private async Task<T> CallAsync<T>(Func<Shim, Task<T>> call, string verb)
    {
        try
        {
            return await call(DemandRunning(verb)).ConfigureAwait(false);
        }
        catch (TtrpcException e)
        {
            throw Shim.Failure($"{verb} of container {facts.Id}", e);
        }
    }
}

using Berth.Abstractions;
using Limits = Berth.Plugins.PluginDeadlines;

namespace Berth.Plugins;

/// <summary>A plugin's sandbox behind the guard.</summary>
/// <param name="id">The one that was asked for; the plugin's has to be the same.</param>
/// <param name="inner">The plugin's own.</param>
/// <param name="guard">The gate.</param>
internal sealed class GuardedSandbox(string id, ISandbox inner, PluginGuard guard) : ISandbox
{
    public string Id { get; } = guard.Run("SandboxId", () => inner.Id == id ? id : throw new InvalidDataException($"sandbox {id} was started as {inner.Id}"));

    /// <summary>Keeps the plugin's version until it is disposed of.</summary>
    public IDisposable Hold() => guard.Hold();

    public Task<ProcessExit> Exit { get; } = guard.Follow("SandboxExit", () => inner.Exit);

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("SandboxInfo", Limits.Read, inner.InfoAsync, cancellationToken);

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        guard.Given.Add(request.SandboxId, request.ContainerId);
        return new GuardedContainer(
            request.ContainerId,
            await guard.RunAsync("CreateContainer", Limits.CreateContainer, token => inner.CreateContainerAsync(request, token), cancellationToken),
            guard);
    }

    public IContainer? FindContainer(string containerId) =>
        guard.Run("FindContainer", () => ValueTuple.Create(inner.FindContainer(containerId))).Item1 is { } container ? new GuardedContainer(containerId, container, guard) : null;

    public Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken) =>
        guard.RunAsync("SandboxStats", Limits.Read, inner.StatsAsync, cancellationToken);

    public Task UpdateResourcesAsync(PodResources resources, CancellationToken cancellationToken) =>
        guard.RunAsync("SandboxUpdateResources", Limits.Update, token => inner.UpdateResourcesAsync(resources, token), cancellationToken);

    public Task<int> OpenPortAsync(int port, CancellationToken cancellationToken) =>
        guard.RunAsync("OpenPort", Limits.Read, token => inner.OpenPortAsync(port, token), cancellationToken);
}

using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>Runs pods on a Docker Engine of this machine: a holder container for each, whose network namespace CNI fills.</summary>
internal sealed class DockerHandler : IRuntimeHandler
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, DockerSandbox> _sandboxes = new();
    private readonly HandlerTools _tools;
    private readonly EngineImages _images;
    private readonly Holder _holder;
    private readonly ContainerCreator _creator;
    private readonly ContainerRemover _remover;

    public DockerHandler(HandlerConfig config, DockerOptions options, IHandlerContext context, TimeProvider clock)
    {
        // The same after a restart and a reboot, and another gateway's is another.
        var owner = $"{config.Name}@{config.DataDirectory}";
        var engine = new Engine(options);
        var check = new EngineCheck(engine, options, config.CgroupDriver);
        var folders = new HandlerFolders(config.StateDirectory, config.DataDirectory);
        _tools = new(engine, new(engine, owner), check, folders, config.CgroupDriver, new(CgroupLayout.Detect()), context, clock, _stopping.Token);
        _images = new(engine, check, owner);
        _holder = new(new(options, folders, _images), _tools);
        _creator = new(_images, _tools);
        _remover = new(_tools);
    }

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) => _tools.Check.RunAsync(cancellationToken);

    public async Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) =>
        new() { NetworkNamespacePath = await _holder.PrepareAsync(request, cancellationToken).ConfigureAwait(false) };

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Sandbox;
        if (_sandboxes.TryGetValue(sandbox.SandboxId, out var known) && !known.Exit.IsCompleted)
        {
            return known;
        }

        var found = await FindHolderAsync(request, cancellationToken).ConfigureAwait(false);
        return found.Exit.IsCompleted || found.Holder.Pid == 0
            ? throw RuntimeException.FailedPrecondition($"sandbox {sandbox.SandboxId}: its holder has ended; make a new sandbox")
            : _sandboxes.GetOrAdd(sandbox.SandboxId, found);
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var restored = await FindHolderAsync(request.Start, cancellationToken).ConfigureAwait(false);
        await Task.WhenAll(request.Containers.Select(c => restored.RestoreContainerAsync(c, cancellationToken))).ConfigureAwait(false);
        _sandboxes[restored.Id] = restored;
        return restored;
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.SandboxId;
        var known = _sandboxes.GetValueOrDefault(id);
        var found = await _tools.Objects.OfSandboxAsync(id, cancellationToken).ConfigureAwait(false);
        var containers = found.Select(static c => c.Labels.TryGetValue(EngineObjects.ContainerLabel, out var container) ? container : null).OfType<string>().Distinct();
        await Task.WhenAll(containers.Select(c => RemoveAsync(id, c, null, cancellationToken))).ConfigureAwait(false);
        foreach (var holder in found.Where(static c => !c.Labels.ContainsKey(EngineObjects.ContainerLabel)))
        {
            await _remover.RemoveAsync(holder, known?.Holder, cancellationToken).ConfigureAwait(false);
        }

        _holder.Unpin(id);
        _sandboxes.TryRemove(id, out _);
    }

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        RemoveAsync(request.SandboxId, request.ContainerId!, DockerState.FromRecord(request.State, request.ContainerId!), cancellationToken);

    public async Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        var found = await _tools.Objects.AllAsync(cancellationToken).ConfigureAwait(false);
        var pins = Directory.Exists(_tools.Folders.Pins)
            ? Directory.EnumerateFiles(_tools.Folders.Pins).Select(static p => new OwnedObject(Path.GetFileName(p), "namespace", p))
            : [];
        return
        [
            .. found.Select(static c => c.Labels.TryGetValue(EngineObjects.ContainerLabel, out var id)
                ? new OwnedObject(id, "container", $"Docker container {c.ID[..12]} {c.Names.FirstOrDefault()}, {c.Status}")
                : new OwnedObject(c.Labels[EngineObjects.SandboxLabel], "holder", $"Docker container {c.ID[..12]} {c.Names.FirstOrDefault()}, {c.Status}")),
            .. pins,
        ];
    }

    public Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken) => _images.PrepareAsync(request, cancellationToken);

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) => _images.ReleaseAsync(imageId, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _tools.Engine.Dispose();
    }

    private async Task<DockerSandbox> FindHolderAsync(StartSandboxRequest start, CancellationToken cancellationToken)
    {
        var sandbox = start.Sandbox;
        var id = sandbox.SandboxId;
        var engineId = await _tools.Objects.FindHolderAsync(id, cancellationToken).ConfigureAwait(false)
            ?? throw RuntimeException.NotFound($"sandbox {id}: the Docker Engine has no holder for it");
        var found = await _tools.Objects.InspectAsync(engineId, cancellationToken).ConfigureAwait(false);
        var place = CgroupPlace.OfHolder(sandbox.Cgroup, _tools.Driver).Of(engineId, sandbox.Cgroup, _tools.Driver);
        var holder = DockerInit.Restored(id, found, new(_tools.Cgroups, place), new(place, _tools), null, started: true, _tools);
        return new(start, engineId, holder, _creator, _remover, _tools);
    }

    private async Task RemoveAsync(string sandboxId, string containerId, DockerState? state, CancellationToken cancellationToken)
    {
        var sandbox = _sandboxes.GetValueOrDefault(sandboxId);
        await _remover.RemoveAsync(containerId, state, sandbox?.FindProcess(containerId), cancellationToken).ConfigureAwait(false);
        sandbox?.Forget(containerId);
    }
}

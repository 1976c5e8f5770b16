using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>Runs pods with one containerd shim: a shim process for each pod, and a logger for its containers' output.</summary>
internal sealed class ShimHandler : IRuntimeHandler
{
    private readonly SandboxIndex<ShimState> _index;
    private readonly ShimTools _tools;
    private readonly ContainerRemover _remover;
    private readonly ContainerFactory _factory;
    private readonly PodLauncher _launcher;
    private readonly KeptCheck _check;
    private readonly ConcurrentDictionary<string, Pod> _pods = new();
    private readonly ConcurrentDictionary<string, ShimSandbox> _sandboxes = new();

    public ShimHandler(HandlerConfig config, ShimOptions options, IHandlerContext context, TimeProvider clock)
    {
        var events = Path.Combine(config.StateDirectory, "events");
        var runtimeOptions = RuntimeOptions.ToAny(options, config);
        var cgroups = new Cgroups(CgroupLayout.Detect());
        _tools = new(
            options, new(options, events, runtimeOptions, cgroups), runtimeOptions, new(events), cgroups, Path.Combine(config.StateDirectory, "l"), context.Log, clock);
        _index = new(Path.Combine(config.StateDirectory, "s"), ShimJson.Settings);
        _remover = new(_tools);
        _factory = new(_remover, _index, context, _tools);
        _launcher = new(_remover, _index, context, _tools);
        _check = new(() => [_tools.Command.Executable], new ShimCheck(config, context, _tools).LookAsync);
    }

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) => _check.RunAsync(cancellationToken);

    /// <summary>The shim starts while the network is made; it needs that only when it creates a container.</summary>
    public async Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        await PodOfAsync(request, cancellationToken).ConfigureAwait(false);
        return new();
    }

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Sandbox;
        if (_sandboxes.TryGetValue(sandbox.SandboxId, out var known))
        {
            return known;
        }

        var pod = await PodOfAsync(sandbox, cancellationToken).ConfigureAwait(false);
        var init = _launcher.NeedsContainer(sandbox) ? await StartInitAsync(pod, cancellationToken).ConfigureAwait(false) : null;
        return _sandboxes.GetOrAdd(sandbox.SandboxId, new ShimSandbox(pod, init, _factory, _tools.Clock));
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Start.Sandbox;
        var id = sandbox.SandboxId;
        // The record and the file are written one after the other; the file is the newer if they differ.
        var state = _index.Find(id, id) ?? ShimState.FromRecord(request.State, id)
            ?? throw RuntimeException.NotFound($"sandbox {id}: its shim was never started");
        var pod = await _launcher.AdoptAsync(sandbox, state).ConfigureAwait(false);
        var init = state.HasContainer ? await _factory.AdoptAsync(pod, ContainerFacts.Of(sandbox, state), started: true).ConfigureAwait(false) : null;
        var restored = new ShimSandbox(pod, init, _factory, _tools.Clock);
        await Task.WhenAll(request.Containers.Select(restored.RestoreContainerAsync)).ConfigureAwait(false);
        (_pods[id], _sandboxes[id]) = (pod, restored);
        return restored;
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.SandboxId;
        var state = _index.Find(id, id) ?? ShimState.FromRecord(request.State, id);
        await Task.WhenAll(_index.Containers(id).Where(container => container != id).Select(container => RemoveAsync(id, container))).ConfigureAwait(false);
        _sandboxes.TryRemove(id, out var sandbox);
        _pods.TryRemove(id, out var pod);
        await _launcher.RemoveAsync(id, new(request.PrivateDirectory, id), state, pod, sandbox?.Init).ConfigureAwait(false);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.ContainerId ?? throw RuntimeException.InvalidArgument($"sandbox {request.SandboxId}: the request names no container");
        var state = _index.Find(request.SandboxId, id) ?? ShimState.FromRecord(request.State, id);
        await RemoveAsync(request.SandboxId, id, new(request.PrivateDirectory, id), state).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        var states = from entry in _index.All()
                     let state = _index.Find(entry.Sandbox, entry.Container)
                     where state is not null
                     select (entry.Container, entry.Sandbox, State: state);
        var owned = new List<OwnedObject>();
        foreach (var (id, sandbox, state) in states)
        {
            if (id == sandbox)
            {
                owned.AddRange(_tools.Cgroups.Pids(state.OverheadCgroup).Select(pid => new OwnedObject(id, pid == state.ShimPid ? "shim" : "helper", $"pid {pid}")));
            }

            if (state is { HasContainer: true, Cgroup: { } cgroup } && _tools.Cgroups.Exists(cgroup))
            {
                owned.Add(new(id, "container", $"cgroup {cgroup}"));
            }
        }

        return Task.FromResult<IReadOnlyList<OwnedObject>>(owned);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pod in _pods.Values)
        {
            await pod.DisposeAsync().ConfigureAwait(false);
        }

        _tools.Events.Dispose();
    }

    private async Task<Pod> PodOfAsync(PrepareSandboxRequest sandbox, CancellationToken cancellationToken) =>
        _pods.TryGetValue(sandbox.SandboxId, out var known) && known.Shim is { Ended.IsCompleted: false }
            ? known
            : _pods[sandbox.SandboxId] = await _launcher.LaunchAsync(sandbox, cancellationToken).ConfigureAwait(false);

    private async Task<IProcess> StartInitAsync(Pod pod, CancellationToken cancellationToken)
    {
        var (sandbox, id) = (pod.Request, pod.Request.SandboxId);
        var state = _index.Find(id, id) ?? PodLauncher.StateOf(sandbox);
        try
        {
            if (state.HasContainer && await _factory.AdoptAsync(pod, ContainerFacts.Of(sandbox, state), started: false).ConfigureAwait(false) is ShimInit adopted)
            {
                await adopted.StartAsync(cancellationToken).ConfigureAwait(false);
                return adopted;
            }

            var init = await _factory.MakeSandboxAsync(pod, state, cancellationToken).ConfigureAwait(false);
            await init.StartAsync(cancellationToken).ConfigureAwait(false);
            return init;
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            _pods.TryRemove(id, out _);
            await _launcher.RemoveAsync(id, new(sandbox.PrivateDirectory, id), _index.Find(id, id) ?? state, pod, null).ConfigureAwait(false);
            throw;
        }
    }

    private Task RemoveAsync(string sandboxId, string id) =>
        _index.Find(sandboxId, id) is { } state ? RemoveAsync(sandboxId, id, new(state.PrivateDirectory, id), state) : Task.CompletedTask;

    private async Task RemoveAsync(string sandboxId, string id, ContainerFiles files, ShimState? state)
    {
        var sandbox = _sandboxes.GetValueOrDefault(sandboxId);
        await _remover.RemoveAsync(id, files, state, _pods.GetValueOrDefault(sandboxId), sandbox?.FindContainer(id)?.Init).ConfigureAwait(false);
        _index.Remove(sandboxId, id);
        sandbox?.Forget(id);
    }
}

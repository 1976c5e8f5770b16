using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>Runs pods with one OCI runtime, a monitor for each container, and no process for a pod that needs none.</summary>
internal sealed class OciHandler : IRuntimeHandler
{
    private const int IdLength = 64;
    private readonly string _runtimeRoot;
    private readonly SandboxIndex<OciState> _index;
    private readonly ContainerRemover _remover;
    private readonly ContainerFactory _factory;
    private readonly KeptCheck _check;
    private readonly CriuLook? _criu;
    private readonly ConcurrentDictionary<string, OciSandbox> _sandboxes = new();
    private readonly CancellationTokenSource _letGo = new();

    public OciHandler(HandlerConfig config, OciOptions options, IHandlerContext context, TimeProvider clock)
    {
        _runtimeRoot = options.RuntimeRoot ?? Path.Combine(config.StateDirectory, "r");
        var runtime = new RuntimeCommand(options, config.CgroupDriver == CgroupDriver.Systemd);
        var conmon = new Conmon(options, runtime, config.StateDirectory);
        var tools = new HandlerTools(options, runtime, _runtimeRoot, new(CgroupLayout.Detect()), context.Log, clock) { LetGo = _letGo.Token };
        _index = new(Path.Combine(config.StateDirectory, "s"), OciJson.Settings);
        _remover = new(tools);
        var creator = new ContainerCreator(conmon, _remover, tools);
        _factory = new(creator, _remover, _index, context, tools);
        var probe = new RuntimeProbe(creator, _remover, _index, config);
        _criu = RuntimeFeatures.MayCheckpoint(options) ? new(clock) : null;
        _check = new(() => [runtime.Executable, conmon.Executable], new RuntimeCheck(options, runtime, probe).LookAsync);
    }

    public async Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken)
    {
        var check = await _check.RunAsync(cancellationToken).ConfigureAwait(false);
        return _criu is null ? check : await _criu.AddAsync(check, cancellationToken).ConfigureAwait(false);
    }

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new PreparedSandbox());

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Sandbox;
        if (_sandboxes.TryGetValue(sandbox.SandboxId, out var known))
        {
            return known;
        }

        var init = sandbox.NeedsInit ? await StartInitAsync(sandbox, cancellationToken).ConfigureAwait(false) : null;
        return _sandboxes.GetOrAdd(sandbox.SandboxId, new OciSandbox(sandbox.SandboxId, init, _factory));
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var sandbox = request.Start.Sandbox;
        if (sandbox.NeedsInit && request.State is null)
        {
            throw RuntimeException.NotFound($"sandbox {sandbox.SandboxId}: its init was never created");
        }

        var init = sandbox.NeedsInit
            ? (await _factory.RestoreAsync(sandbox.SandboxId, MonitoredContainer.Of(sandbox), sandbox.Cgroup, request.State, started: true).ConfigureAwait(false)).Init
            : null;
        var restored = new OciSandbox(sandbox.SandboxId, init, _factory);
        await Task.WhenAll(request.Containers.Select(restored.RestoreContainerAsync)).ConfigureAwait(false);
        _sandboxes[sandbox.SandboxId] = restored;
        return restored;
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.SandboxId;
        await Task.WhenAll(_index.Containers(id).Where(container => container != id).Select(container => RemoveAsync(id, container))).ConfigureAwait(false);
        await _remover.RemoveAsync(id, new(request.PrivateDirectory), OciState.FromRecord(request.State, id) ?? _index.Find(id, id)).ConfigureAwait(false);
        _index.Remove(id);
        _sandboxes.TryRemove(id, out _);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.ContainerId ?? throw RuntimeException.InvalidArgument($"sandbox {request.SandboxId}: the request names no container");
        var state = OciState.FromRecord(request.State, id) ?? _index.Find(request.SandboxId, id);
        await _remover.RemoveAsync(id, new(request.PrivateDirectory), state).ConfigureAwait(false);
        Forget(request.SandboxId, id);
    }

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        // Each runtime keeps files in its root that begin with the container's id.
        IEnumerable<string> entries = Directory.Exists(_runtimeRoot) ? Directory.EnumerateFileSystemEntries(_runtimeRoot) : [];
        var containers = entries.Select(static path => (Path: path, Name: Path.GetFileName(path)))
            .Where(static e => e.Name.Length >= IdLength && e.Name[..IdLength].All(char.IsAsciiHexDigitLower))
            .DistinctBy(static e => e.Name[..IdLength])
            .Select(static e => new OwnedObject(e.Name[..IdLength], "container", e.Path));
        var monitors =
            from entry in _index.All()
            let state = _index.Find(entry.Sandbox, entry.Container)
            where state is not null && ProcStat.TryRead(state.MonitorPid) is { State: not 'Z' } monitor && monitor.StartTime == state.MonitorStartTime
            select new OwnedObject(entry.Container, "monitor", $"pid {state.MonitorPid}");
        return Task.FromResult<IReadOnlyList<OwnedObject>>([.. containers, .. monitors]);
    }

    public async ValueTask DisposeAsync()
    {
        await _letGo.CancelAsync().ConfigureAwait(false);
        _sandboxes.Clear();
    }

    private async Task<IProcess> StartInitAsync(PrepareSandboxRequest sandbox, CancellationToken cancellationToken)
    {
        var container = MonitoredContainer.Of(sandbox);
        var made = await _factory.CreateAsync(sandbox.SandboxId, container, sandbox.Cgroup, cancellationToken).ConfigureAwait(false);
        try
        {
            await made.Init.StartAsync(cancellationToken).ConfigureAwait(false);
            return made.Init;
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException)
        {
            await RemoveAsync(sandbox.SandboxId, sandbox.SandboxId).ConfigureAwait(false);
            throw;
        }
    }

    private async Task RemoveAsync(string sandboxId, string id)
    {
        if (_index.Find(sandboxId, id) is { } state)
        {
            await _remover.RemoveAsync(id, new(state.PrivateDirectory), state).ConfigureAwait(false);
        }

        Forget(sandboxId, id);
    }

    private void Forget(string sandboxId, string id)
    {
        _index.Remove(sandboxId, id);
        _sandboxes.GetValueOrDefault(sandboxId)?.Forget(id);
    }
}

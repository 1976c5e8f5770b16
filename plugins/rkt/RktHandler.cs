using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>Runs pods as rkt did: state on disk and in locks, a machine for each pod, no daemon.</summary>
internal sealed class RktHandler : IRuntimeHandler
{
    private readonly Tools _tools;
    private readonly KeptCheck _check;
    private readonly MachineStarter _machines;
    private readonly AppCreator _creator;
    private readonly AppRestorer _restorer;
    private readonly AppRemover _apps;
    private readonly PodRemover _pods;
    private readonly ConcurrentDictionary<string, RktSandbox> _sandboxes = new();

    public RktHandler(HandlerConfig config, RktOptions options, IHandlerContext context, TimeProvider clock)
    {
        var programs = new Programs(options);
        _tools = new(programs, new(programs), new(Path.Combine(config.DataDirectory, "pods")), new(CgroupLayout.Detect()), context, clock);
        _check = new(programs.All, new RktCheck(programs, config, _tools.Cgroups).LookAsync);
        _machines = new(_tools);
        _apps = new(_tools);
        _pods = new(_apps, _tools);
        _creator = new(new(_tools), _apps, _tools);
        _restorer = new(_tools);
    }

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) => _check.RunAsync(cancellationToken);

    public async Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        var flavour = Flavours.Of(request);
        var id = request.SandboxId;
        await _tools.Context.SaveStateAsync(id, new RktRecord(PodTree.UuidOf(id)).ToRecord(), cancellationToken).ConfigureAwait(false);
        if (_tools.Pods.Find(id) is not { Phase: Phase.Prepared or Phase.Run })
        {
            Prepare(request, flavour);
        }

        return new();
    }

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Sandbox.SandboxId;
        if (_sandboxes.TryGetValue(id, out var known))
        {
            return known;
        }

        var pod = _tools.Pods.Find(id) ?? throw RuntimeException.FailedPrecondition($"sandbox {id} was not prepared");
        var manifest = RktJson.ReadFile<PodManifest>(pod.Manifest) ?? throw RuntimeException.FailedPrecondition($"sandbox {id} was not prepared to its end");
        var sandbox = Adopt(pod, manifest);
        if (sandbox is null)
        {
            await _pods.EndMachineAsync(pod, Task.CompletedTask).ConfigureAwait(false);
            pod = _tools.Pods.Advance(pod, Phase.Run);
            Machine? machine = manifest.Flavour == Flavour.Fly ? null
                : await _machines.StartAsync(pod, manifest, request.Sandbox.NamespacePaths, cancellationToken).ConfigureAwait(false);
            sandbox = new(id, machine?.Stage1 ?? new(pod, manifest, 0), machine, _creator, _restorer);
        }

        return _sandboxes.GetOrAdd(id, sandbox);
    }

    public Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Start.Sandbox.SandboxId;
        var sandbox = _tools.Pods.Find(id) is { Phase: Phase.Run } pod && RktJson.ReadFile<PodManifest>(pod.Manifest) is { } manifest ? Adopt(pod, manifest) : null;
        if (sandbox is null)
        {
            throw RuntimeException.NotFound($"sandbox {id}: its machine was never up");
        }

        foreach (var container in request.Containers)
        {
            sandbox.Restore(container);
        }

        _sandboxes[id] = sandbox;
        return Task.FromResult<ISandbox>(sandbox);
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        _sandboxes.TryGetValue(request.SandboxId, out var sandbox);
        foreach (var pod in _tools.Pods.Everywhere(request.SandboxId))
        {
            var machine = sandbox is null || pod.Phase != Phase.Run || PodState.IsFly(pod) ? Task.CompletedTask : sandbox.Exit;
            await _pods.RemoveAsync(pod, id => sandbox?.EndSeen(id) ?? Task.CompletedTask, machine).ConfigureAwait(false);
        }

        _sandboxes.TryRemove(request.SandboxId, out _);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.ContainerId ?? throw RuntimeException.InvalidArgument($"sandbox {request.SandboxId}: the request names no container");
        var sandbox = _sandboxes.GetValueOrDefault(request.SandboxId);
        foreach (var pod in _tools.Pods.Everywhere(request.SandboxId))
        {
            await _apps.RemoveAsync(pod.App(id), sandbox?.EndSeen(id)).ConfigureAwait(false);
        }

        sandbox?.Forget(id);
    }

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        List<OwnedObject> owned = [];
        foreach (var pod in _tools.Pods.All())
        {
            if (RktJson.ReadFile<PodManifest>(pod.Manifest) is { } manifest)
            {
                owned.Add(new(manifest.SandboxId, "pod", $"{pod.MachineName}, {PodState.Of(pod)}: {pod.Path}"));
            }

            owned.AddRange(pod.Apps().Select(static app => new OwnedObject(app.Id, "app", app.Path)));
        }

        return Task.FromResult<IReadOnlyList<OwnedObject>>(owned);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Prepare(PrepareSandboxRequest request, Flavour flavour)
    {
        try
        {
            // What an earlier try began is not gone on with.
            _tools.Pods.Everywhere(request.SandboxId).ToList().ForEach(static p => FileTree.Delete(p.Path));
            var pod = _tools.Pods.Create(request.SandboxId);
            using var folder = SafeFd.OpenDirectory(pod.Path);
            if (!FileLock.TryTake(folder))
            {
                throw new RuntimeException(RuntimeErrorCode.Busy, $"sandbox {request.SandboxId}: pod {pod.Uuid} is locked by somebody who prepares it");
            }

            pod = _tools.Pods.Advance(pod, Phase.Prepare);
            RktJson.WriteFile(pod.Manifest, new PodManifest
            {
                SandboxId = request.SandboxId,
                Name = request.Pod.Name,
                Namespace = request.Pod.Namespace,
                Flavour = flavour,
                Overhead = request.Cgroup.OverheadPath,
                SharedPid = request.NeedsInit,
            });
            MachineCommand.MakeRoot(pod);
            _tools.Pods.Advance(pod, Phase.Prepared);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.Unavailable($"sandbox {request.SandboxId}: its tree cannot be made: {e.Message}", e);
        }
    }

    // A machine that was up once is a sandbox, if only one that has ended.
    private RktSandbox? Adopt(PodFolder pod, PodManifest manifest)
    {
        if (pod.Phase != Phase.Run)
        {
            return null;
        }

        if (manifest.Flavour == Flavour.Fly)
        {
            return new(manifest.SandboxId, new(pod, manifest, 0), null, _creator, _restorer);
        }

        if (RktJson.ReadFile<ProcessRecord>(pod.Machine) is not { } leader)
        {
            return null;
        }

        var stage1 = new Stage1(pod, manifest, leader.Pid);
        return new(manifest.SandboxId, stage1, Machine.Adopt(stage1, _tools), _creator, _restorer);
    }
}

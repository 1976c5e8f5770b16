using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>Runs each pod in a VM of its own.</summary>
internal sealed class VmHandler : IRuntimeHandler
{
    private readonly VmTools _tools;
    private readonly VmRemover _remover;
    private readonly VmStarter _starter;
    private readonly SharedLook _check;
    private readonly ConcurrentDictionary<string, VmSandbox> _sandboxes = new();

    public VmHandler(HandlerConfig config, VmOptions options, IRootfsSupply supply, IHandlerContext context, TimeProvider clock)
    {
        _tools = new()
        {
            Options = options,
            StateDirectory = config.StateDirectory,
            Cgroups = new(CgroupLayout.Detect()),
            Context = context,
            Supply = supply,
            Clock = clock,
        };
        var fileServer = supply.SharesFolders ? new FileServer(options.FileServer) : null;
        _remover = new(context.Log);
        _starter = new(new(options, fileServer, _tools.Cgroups), _remover, config.DataDirectory, _tools);
        _check = new(new VmCheck(_starter, fileServer, supply, options).RunAsync);
    }

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) => _check.RunAsync(cancellationToken);

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) => Task.FromResult(new PreparedSandbox());

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Sandbox.SandboxId;
        if (_sandboxes.TryGetValue(id, out var known) && !known.Exit.IsCompleted)
        {
            return known;
        }

        return _sandboxes[id] = await _starter.StartAsync(request, cancellationToken).ConfigureAwait(false);
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Start.Sandbox.SandboxId;
        var state = StateFile.Parse<VmState>(request.State, id) ?? StateFile.Read<VmState>(_tools.FilesOf(id).State);
        if (state?.Hypervisor is not { } hypervisor)
        {
            throw RuntimeException.NotFound($"sandbox {id}: its VM was never started");
        }

        // Its agent talks to one at a time.
        if (_sandboxes.TryRemove(id, out var earlier))
        {
            await earlier.DisposeAsync().ConfigureAwait(false);
        }

        var vm = new Hypervisor(new(state.Folder), hypervisor);
        var agent = new GuestAgent(new VmFiles(state.Folder).Agent, _tools.Log, _tools.Clock);
        var sandbox = new VmSandbox(state, agent, request.Start.Sandbox.Resources, _tools);
        foreach (var container in request.Containers)
        {
            sandbox.Restore(container);
        }

        agent.Begin();
        sandbox.Follow(EndAsync(vm));
        return _sandboxes[id] = sandbox;
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        _sandboxes.TryGetValue(request.SandboxId, out var sandbox);
        sandbox?.Destroy();
        await _remover.RemoveAsync(_tools.FilesOf(request.SandboxId), StateFile.Parse<VmState>(request.State, request.SandboxId)).ConfigureAwait(false);
        sandbox?.ForgetAll();
        _sandboxes.TryRemove(request.SandboxId, out _);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        var id = request.ContainerId ?? throw RuntimeException.InvalidArgument($"sandbox {request.SandboxId}: the request names no container");
        var files = _tools.FilesOf(request.SandboxId);
        var remover = new ContainerRemover(files, _tools);
        if (_sandboxes.TryGetValue(request.SandboxId, out var sandbox))
        {
            await remover.RemoveAsync(id, sandbox.Exit.IsCompleted ? null : sandbox.Agent).ConfigureAwait(false);
            sandbox.Forget(id);
            return;
        }

        var alive = StateFile.Read<VmState>(files.State)?.Hypervisor?.IsAlive ?? false;
        if (!alive || !File.Exists(files.ContainerState(id)))
        {
            await remover.RemoveAsync(id, null).ConfigureAwait(false);
            return;
        }

        await using var agent = new GuestAgent(files.Agent, _tools.Log, _tools.Clock);
        agent.Begin();
        await remover.RemoveAsync(id, agent).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken)
    {
        List<OwnedObject> owned = [];
        foreach (var files in VmFiles.All(_tools.StateDirectory))
        {
            if (StateFile.Read<VmState>(files.State) is not { } state)
            {
                continue;
            }

            owned.Add(new(state.SandboxId, "vm", state.Hypervisor is { IsAlive: true } vm ? $"pid {vm.Pid}" : files.Folder));
            owned.AddRange(
                from path in Directory.Exists(files.Containers) ? Directory.EnumerateFiles(files.Containers) : []
                where !path.EndsWith(".new", StringComparison.Ordinal)
                select new OwnedObject(Path.GetFileName(path), "container", $"in the VM of {state.SandboxId}"));
        }

        return Task.FromResult<IReadOnlyList<OwnedObject>>(owned);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sandbox in _sandboxes.Values)
        {
            await sandbox.DisposeAsync().ConfigureAwait(false);
        }

        _starter.Dispose();
    }

    private static async Task<int?> EndAsync(Hypervisor vm)
    {
        await vm.EndedAsync(CancellationToken.None).ConfigureAwait(false);
        return null;
    }
}

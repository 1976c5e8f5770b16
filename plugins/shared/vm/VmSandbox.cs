using System.Collections.Concurrent;
using System.Globalization;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>A pod in its VM.</summary>
internal sealed class VmSandbox : ISandbox, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, VmContainer> _containers = new();
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly VmTools _tools;
    private readonly VmFiles _files;
    private readonly PodResources _resources;
    private volatile bool _destroyed;
    private volatile ProcessExit? _containersEnd;

    public VmSandbox(VmState state, GuestAgent agent, PodResources resources, VmTools tools)
    {
        (State, Agent, _tools, _resources) = (state, agent, tools, resources);
        _files = new(state.Folder);
    }

    public string Id => State.SandboxId;

    public VmState State { get; }

    public GuestAgent Agent { get; }

    public Task<ProcessExit> Exit => _exit.Task;

    /// <summary>Known to the process that booted it.</summary>
    public BootTime? Boot { get; init; }

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken)
    {
        var details = new Dictionary<string, string>
        {
            ["accelerator"] = $"{State.Accelerator}: {State.AcceleratorReason}",
            ["memory"] = $"{State.Size.MemoryMiB} MiB",
            ["processors"] = $"{State.Size.Processors}",
        };
        if (VmSize.OverheadNote(_resources, _tools.Options) is { } note)
        {
            details["overhead"] = note;
        }

        if (Agent.Facts is { } facts)
        {
            details["guestKernel"] = facts.Kernel;
        }

        if (Boot is { } boot)
        {
            details["bootMilliseconds"] = boot.Machine.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
            details["guestBootMilliseconds"] = boot.Guest.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
        }

        return Task.FromResult<SandboxInfo>(new() { Pid = Exit.IsCompleted ? 0 : State.Hypervisor?.Pid ?? 0, Details = details });
    }

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        DemandRunning();
        if (_containers.ContainsKey(request.ContainerId))
        {
            await new ContainerRemover(_files, _tools).RemoveAsync(request.ContainerId, Agent).ConfigureAwait(false);
            Forget(request.ContainerId);
        }

        var container = _containers[request.ContainerId] = await new ContainerCreator(_files, Agent, _tools).CreateAsync(request, cancellationToken).ConfigureAwait(false);
        if (_containersEnd is { } end)
        {
            // The VM ended meanwhile, and may have missed this one.
            container.Process.OnLost(end);
        }

        return container;
    }

    public IContainer? FindContainer(string containerId) => _containers.GetValueOrDefault(containerId);

    public async Task<ResourceUsage> StatsAsync(CancellationToken cancellationToken)
    {
        DemandRunning();
        var parts = await Task.WhenAll(
            _containers.Values.Where(static c => !c.Init.Exit.IsCompleted).Select(c => c.StatsAsync(cancellationToken))).ConfigureAwait(false);
        return UsageMapping.Sum(parts, _tools.Clock.GetUtcNow());
    }

    public Task UpdateResourcesAsync(PodResources resources, CancellationToken cancellationToken)
    {
        DemandRunning();
        // Processor time within those that it has is the pod's cgroup's to give: the hypervisor is in it.
        var (wanted, has) = (VmSize.Of(resources, _tools.Options), State.Size);
        return wanted.MemoryMiB == has.MemoryMiB && wanted.Processors <= has.Processors
            ? Task.CompletedTask
            : throw new RuntimeException(
                RuntimeErrorCode.NotSupported,
                $"sandbox {Id}: its VM was booted with {has.MemoryMiB} MiB and {has.Processors} processors, which do not change while it runs; {wanted.MemoryMiB} MiB and {wanted.Processors} take a new pod");
    }

    public Task<int> OpenPortAsync(int port, CancellationToken cancellationToken)
    {
        DemandRunning();
        return Agent.OpenPortAsync(port, cancellationToken);
    }

    /// <summary>Ends with the VM, and its containers with it; those that are to be adopted are there before.</summary>
    /// <param name="end">The VM's end as an exit status, if it is known.</param>
    public void Follow(Task<int?> end) => _ = FollowAsync(end);

    /// <summary>Adopts a container of an earlier process.</summary>
    public void Restore(RestoreContainer restore)
    {
        var request = restore.Create;
        var state = StateFile.Parse<ContainerState>(restore.State, request.ContainerId)
            ?? StateFile.Read<ContainerState>(_files.ContainerState(request.ContainerId));
        var known = state ?? new() { SandboxId = Id, ContainerId = request.ContainerId, PrivateDirectory = request.PrivateDirectory };
        var log = ContainerLog.Open(request.LogPath, new ContainerFiles(known.PrivateDirectory).LogPosition, _tools.Clock);
        var init = new VmInit(request, known, log, Agent, _tools);
        _containers[request.ContainerId] = new(request, init, Agent, _tools);
        if (state is null)
        {
            init.OnLost(_tools.Lost("the container was never created"));
        }
        else if (!init.Exit.IsCompleted && known.Refusal is null)
        {
            Agent.Follow(request.ContainerId, null, init);
        }
    }

    /// <summary>The container was removed.</summary>
    public void Forget(string containerId)
    {
        if (_containers.TryRemove(containerId, out var container))
        {
            Agent.Forget(containerId, null);
            container.Process.OnLost(KilledExit());
            container.Process.Log.Dispose();
        }
    }

    /// <summary>All of them were.</summary>
    public void ForgetAll()
    {
        foreach (var id in _containers.Keys)
        {
            Forget(id);
        }
    }

    /// <summary>The VM is about to be killed, on purpose.</summary>
    public void Destroy() => _destroyed = true;

    public ValueTask DisposeAsync() => Agent.DisposeAsync();

    private ProcessExit KilledExit() => new() { Code = 137, FinishedAt = _tools.Clock.GetUtcNow() };

    private void DemandRunning()
    {
        if (Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"sandbox {Id}: its VM has ended");
        }
    }

    private async Task FollowAsync(Task<int?> end)
    {
        var code = await end.ConfigureAwait(false);
        var exit = _destroyed || code == 137
            ? KilledExit()
            : code is null ? _tools.Lost("the hypervisor ended while the gateway was away") : new ProcessExit { Code = code.Value, FinishedAt = _tools.Clock.GetUtcNow() };
        await Agent.DisposeAsync().ConfigureAwait(false);
        _containersEnd = _destroyed
            ? KilledExit()
            : _tools.Lost($"the VM of sandbox {Id} ended (status {code?.ToString(CultureInfo.InvariantCulture) ?? "unknown"})");
        foreach (var container in _containers.Values)
        {
            container.Process.OnLost(_containersEnd);
        }

        _exit.TrySetResult(exit);
    }
}

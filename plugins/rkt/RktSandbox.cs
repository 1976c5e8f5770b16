using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>A pod that runs. Fly has no machine, and so nothing that could end.</summary>
internal sealed class RktSandbox(string id, Stage1 stage1, Machine? machine, AppCreator creator, AppRestorer restorer) : ISandbox
{
    private readonly ConcurrentDictionary<string, RktApp> _apps = new();
    private readonly TaskCompletionSource<ProcessExit> _never = new();

    public string Id => id;

    public Task<ProcessExit> Exit => machine?.Exit ?? _never.Task;

    public Task<SandboxInfo> InfoAsync(CancellationToken cancellationToken) => Task.FromResult(new SandboxInfo
    {
        Pid = stage1.Leader,
        NamespacePaths = stage1 is { Leader: > 0, Manifest.SharedPid: true }
            ? new Dictionary<string, string> { ["pid"] = $"/proc/{stage1.Leader}/ns/pid" }
            : new Dictionary<string, string>(),
        Details = new Dictionary<string, string>
        {
            ["flavour"] = stage1.Manifest.Flavour.ToString().ToLowerInvariant(),
            ["machine"] = stage1.Pod.MachineName,
            ["state"] = PodState.Of(stage1.Pod),
            ["pod"] = stage1.Pod.Path,
        },
    });

    public async Task<IContainer> CreateContainerAsync(CreateContainerRequest request, CancellationToken cancellationToken)
    {
        if (Exit.IsCompleted)
        {
            throw RuntimeException.FailedPrecondition($"sandbox {id}: its machine has ended");
        }

        var earlier = EndSeen(request.ContainerId);
        return _apps[request.ContainerId] = await creator.CreateAsync(stage1, request, earlier, cancellationToken).ConfigureAwait(false);
    }

    public IContainer? FindContainer(string containerId) => _apps.GetValueOrDefault(containerId);

    public void Restore(RestoreContainer container) =>
        _apps[container.Create.ContainerId] = restorer.Restore(stage1, container);

    /// <summary>Completes when the app's object has seen its end, which the caller brings about.</summary>
    public Task EndSeen(string containerId)
    {
        var init = _apps.GetValueOrDefault(containerId)?.Init;
        (init as EndedInit)?.EndRefused();
        return init?.Exit ?? Task.CompletedTask;
    }

    public void Forget(string containerId) => _apps.TryRemove(containerId, out _);
}

using Berth.Abstractions;
using Limits = Berth.Plugins.PluginDeadlines;

namespace Berth.Plugins;

/// <summary>A plugin's handler behind the guard; the only form in which the rest of the gateway meets one.</summary>
public sealed class GuardedHandler : IRuntimeHandler
{
    private IRuntimeHandler? _inner;
    private readonly PluginGuard _guard;

    internal GuardedHandler(IRuntimeHandler inner, PluginGuard guard, TimeProvider time, ILogger logger)
    {
        _inner = inner;
        _guard = guard;
        Health = new(this, guard.Handler, time, logger);
    }

    public string Name => _guard.Handler;

    /// <summary>Answers from memory whether it is ready, why not, and what it can do.</summary>
    public HandlerHealth Health { get; }

    /// <summary>No call runs, and no exec or attached client is left that needs the plugin's object.</summary>
    public bool IsIdle => _guard.IsIdle;

    private IRuntimeHandler Inner =>
        _inner ?? throw RuntimeException.Unavailable($"this object of handler {Name} was replaced by a newer one; try again");

    /// <summary>Calls into the plugin so far.</summary>
    public long Calls => _guard.Calls;

    /// <summary>Calls that the plugin neither answered nor refused properly.</summary>
    public long Faults => _guard.Faults;

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) =>
        _guard.RunAsync("Check", Limits.Check, token => Inner.CheckAsync(token), cancellationToken);

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken)
    {
        _guard.Given.Add(request.SandboxId, request.SandboxId);
        return _guard.ForPod(request.SandboxId).RunAsync("PrepareSandbox", Limits.PrepareSandbox, token => Inner.PrepareSandboxAsync(request, token), cancellationToken);
    }

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken)
    {
        var guard = _guard.ForPod(request.Sandbox.SandboxId);
        guard.Given.Add(request.Sandbox.SandboxId, request.Sandbox.SandboxId);
        return new GuardedSandbox(request.Sandbox.SandboxId, await guard.RunAsync("StartSandbox", Limits.StartSandbox, token => Inner.StartSandboxAsync(request, token), cancellationToken), guard);
    }

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken)
    {
        var id = request.Start.Sandbox.SandboxId;
        var guard = _guard.ForPod(id);
        foreach (var given in request.Containers.Select(static c => c.Create.ContainerId).Append(id))
        {
            guard.Given.Add(id, given);
        }

        return new GuardedSandbox(id, await guard.RunAsync("RestoreSandbox", Limits.RestoreSandbox, token => Inner.RestoreSandboxAsync(request, token), cancellationToken), guard);
    }

    public async Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        _guard.Given.Add(request.SandboxId, request.SandboxId);
        await _guard.ForPod(request.SandboxId).RunAsync("DestroySandbox", Limits.Destroy, token => Inner.DestroySandboxAsync(request, token), cancellationToken);
        _guard.Given.RemoveSandbox(request.SandboxId);
    }

    public async Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken)
    {
        _guard.Given.Add(request.SandboxId, request.ContainerId!);
        await _guard.ForPod(request.SandboxId).RunAsync("DestroyContainer", Limits.Destroy, token => Inner.DestroyContainerAsync(request, token), cancellationToken);
        _guard.Given.Remove(request.ContainerId!);
    }

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken) =>
        _guard.RunAsync("ListOwned", Limits.ListOwned, token => Inner.ListOwnedAsync(token), cancellationToken);

    public Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken) =>
        _guard.RunAsync("PrepareImage", Limits.Image, token => Inner.PrepareImageAsync(request, token), cancellationToken);

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) =>
        _guard.RunAsync("ReleaseImage", Limits.Image, token => Inner.ReleaseImageAsync(imageId, token), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        // Nothing may keep the plugin's object, and so its code, in memory.
        if (Interlocked.Exchange(ref _inner, null) is { } inner)
        {
            try
            {
                await _guard.RunAsync("Dispose", Limits.Dispose, _ => inner.DisposeAsync().AsTask(), CancellationToken.None);
            }
            finally
            {
                _guard.Dispose();
            }
        }
    }
}

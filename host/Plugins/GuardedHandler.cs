using Berth.Abstractions;
using Limits = Berth.Plugins.PluginDeadlines;

namespace Berth.Plugins;

/// <summary>A plugin's handler behind the guard; the only form in which the rest of the gateway meets one.</summary>
public sealed class GuardedHandler : IRuntimeHandler
{
    private readonly IRuntimeHandler _inner;
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

    /// <summary>Calls into the plugin so far.</summary>
    public long Calls => _guard.Calls;

    /// <summary>Calls that the plugin neither answered nor refused properly.</summary>
    public long Faults => _guard.Faults;

    public Task<HandlerCheck> CheckAsync(CancellationToken cancellationToken) =>
        _guard.RunAsync("Check", Limits.Check, _inner.CheckAsync, cancellationToken);

    public Task<PreparedSandbox> PrepareSandboxAsync(PrepareSandboxRequest request, CancellationToken cancellationToken) =>
        _guard.RunAsync("PrepareSandbox", Limits.PrepareSandbox, token => _inner.PrepareSandboxAsync(request, token), cancellationToken);

    public async Task<ISandbox> StartSandboxAsync(StartSandboxRequest request, CancellationToken cancellationToken) => new GuardedSandbox(
        await _guard.RunAsync("StartSandbox", Limits.StartSandbox, token => _inner.StartSandboxAsync(request, token), cancellationToken), _guard);

    public async Task<ISandbox> RestoreSandboxAsync(RestoreSandboxRequest request, CancellationToken cancellationToken) => new GuardedSandbox(
        await _guard.RunAsync("RestoreSandbox", Limits.RestoreSandbox, token => _inner.RestoreSandboxAsync(request, token), cancellationToken), _guard);

    public Task DestroySandboxAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        _guard.RunAsync("DestroySandbox", Limits.Destroy, token => _inner.DestroySandboxAsync(request, token), cancellationToken);

    public Task DestroyContainerAsync(DestroyRequest request, CancellationToken cancellationToken) =>
        _guard.RunAsync("DestroyContainer", Limits.Destroy, token => _inner.DestroyContainerAsync(request, token), cancellationToken);

    public Task<IReadOnlyList<OwnedObject>> ListOwnedAsync(CancellationToken cancellationToken) =>
        _guard.RunAsync("ListOwned", Limits.ListOwned, _inner.ListOwnedAsync, cancellationToken);

    public Task<PreparedImage> PrepareImageAsync(PrepareImageRequest request, CancellationToken cancellationToken) =>
        _guard.RunAsync("PrepareImage", Limits.Image, token => _inner.PrepareImageAsync(request, token), cancellationToken);

    public Task ReleaseImageAsync(string imageId, CancellationToken cancellationToken) =>
        _guard.RunAsync("ReleaseImage", Limits.Image, token => _inner.ReleaseImageAsync(imageId, token), cancellationToken);

    public async ValueTask DisposeAsync() =>
        await _guard.RunAsync("Dispose", Limits.Destroy, _ => _inner.DisposeAsync().AsTask(), CancellationToken.None);
}

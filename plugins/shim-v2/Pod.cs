using System.Collections.Concurrent;
using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>The processes of a pod: its shim, its logger, and further shims where the runtime wants one for each container.</summary>
/// <param name="request">The sandbox.</param>
/// <param name="shim">The pod's shim; null if it was gone when the gateway came back.</param>
/// <param name="shimLog">The shim's own log; null if it is gone.</param>
/// <param name="tools">The handler's.</param>
internal sealed class Pod(PrepareSandboxRequest request, Shim? shim, ShimLog? shimLog, ShimTools tools) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Shim> _others = new();
    private readonly ConcurrentBag<ShimLog> _otherLogs = [];

    public PrepareSandboxRequest Request => request;

    public Shim? Shim => shim;

    public PodLog Log { get; } = tools.LogOf(request.SandboxId, request.Cgroup.OverheadPath);

    /// <summary>The pod's shim, which must live.</summary>
    public Shim LivingShim => shim is { Ended.IsCompleted: false }
        ? shim
        : throw RuntimeException.FailedPrecondition($"sandbox {request.SandboxId}: its shim has ended; a container can no longer be made in it");

    /// <summary>The shim that answers at an address; null if none does.</summary>
    public async Task<Shim?> FindAsync(Bootstrap bootstrap, string id, CancellationToken cancellationToken)
    {
        var known = shim?.Bootstrap.Address == bootstrap.Address ? shim : _others.GetValueOrDefault(bootstrap.Address);
        if (known is not null)
        {
            return known.Ended.IsCompleted ? null : known;
        }

        var found = await Shim.TryConnectAsync(bootstrap, id, tools.Options.Namespace, cancellationToken).ConfigureAwait(false);
        if (found is not null)
        {
            _others[bootstrap.Address] = found;
        }

        return found;
    }

    /// <summary>Keeps the log of a shim that serves one container alone.</summary>
    public void Keep(ShimLog log) => _otherLogs.Add(log);

    /// <summary>Asks a shim that serves one container alone to end.</summary>
    public async Task EndOwnAsync(Bootstrap? bootstrap, string id)
    {
        if (bootstrap is not null && _others.TryRemove(bootstrap.Address, out var own))
        {
            await own.ShutdownAsync(id).ConfigureAwait(false);
            await own.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Lets go of the processes, which live on.</summary>
    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync().ConfigureAwait(false);
        foreach (var log in _otherLogs.Append(shimLog))
        {
            log?.Dispose();
        }

        foreach (var other in _others.Values.Append(shim).OfType<Shim>())
        {
            await other.LetGoAsync().ConfigureAwait(false);
        }
    }
}

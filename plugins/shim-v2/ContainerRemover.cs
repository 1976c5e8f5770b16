using Berth.Abstractions;
using Berth.Plugins.ShimV2.Ttrpc;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// Ends and removes a container, whatever there is of it, from what was saved and what lies about; no object is needed. Each step
/// finds its work by itself, so it may be cut off anywhere and called again.
/// </summary>
internal sealed class ContainerRemover(ShimTools tools)
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(20);

    /// <summary>Removes it. Absent is success.</summary>
    /// <param name="id">The container.</param>
    /// <param name="files">Its private folder.</param>
    /// <param name="state">What was saved; null if nothing was, and then nothing was made outside the folder.</param>
    /// <param name="pod">Its pod, where this process knows it.</param>
    /// <param name="live">Its process, where this process knows it.</param>
    public async Task RemoveAsync(string id, ContainerFiles files, ShimState? state, Pod? pod, IProcess? live)
    {
        try
        {
            if (state is { HasContainer: true })
            {
                await EndAsync(id, files, state, pod, live).ConfigureAwait(false);
            }

            if (pod is not null)
            {
                await pod.Log.EndAsync(id).ConfigureAwait(false);
            }

            files.Delete();
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"container {id} cannot be removed yet: {e.Message}", e);
        }
        catch (TtrpcException e)
        {
            throw Shim.Failure($"container {id} cannot be removed yet", e);
        }
    }

    private async Task EndAsync(string id, ContainerFiles files, ShimState state, Pod? pod, IProcess? live)
    {
        var cgroup = tools.CgroupOf(state);
        var shim = await FindAsync(state, pod, id).ConfigureAwait(false);
        try
        {
            var known = shim is not null && await EndInShimAsync(shim, id, live).ConfigureAwait(false);
            await cgroup.KillAsync().ConfigureAwait(false);
            if (!known && !files.IsForgotten && MayHaveCreated(files))
            {
                await tools.Command.DeleteAsync(id, files.Bundle, CancellationToken.None).ConfigureAwait(false);
            }

            await cgroup.RemoveAsync().ConfigureAwait(false);
            await (pod?.EndOwnAsync(state.Shim, id) ?? Task.CompletedTask).ConfigureAwait(false);
        }
        finally
        {
            if (pod is null && shim is not null)
            {
                await shim.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    // runc's shim writes this file before it has runc do anything, and its delete fails for a bundle that has none.
    private bool MayHaveCreated(ContainerFiles files) =>
        RuntimeOptions.IsRunc(tools.Options) ? File.Exists(Path.Combine(files.Bundle, "runtime")) : Directory.Exists(files.Bundle);

    // False if the shim does not know it: it never got so far, or has forgotten it.
    private async Task<bool> EndInShimAsync(Shim shim, string id, IProcess? live)
    {
        try
        {
            await shim.KillAsync(id, "", SignalNumber.Kill, all: true, CancellationToken.None).ConfigureAwait(false);
            if (live is not null)
            {
                await live.Exit.WaitAsync(EndLimit, tools.Clock).ConfigureAwait(false);
                return true;
            }

            await shim.WaitAsync(id, "").WaitAsync(EndLimit, tools.Clock).ConfigureAwait(false);
            return await shim.DeleteAsync(id, "").ConfigureAwait(false);
        }
        catch (TtrpcException e) when (e.Code is TtrpcCode.NotFound or TtrpcCode.Unavailable)
        {
            return false;
        }
    }

    private async Task<Shim?> FindAsync(ShimState state, Pod? pod, string id) => state.Shim is not { } at ? null
        : pod is not null ? await pod.FindAsync(at, id, CancellationToken.None).ConfigureAwait(false)
        : await Shim.TryConnectAsync(at, id, tools.Options.Namespace, CancellationToken.None).ConfigureAwait(false);
}

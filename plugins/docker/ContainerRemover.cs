using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Ends and removes what is the Engine's and ours of a container or holder.</summary>
internal sealed class ContainerRemover(HandlerTools tools)
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(20);

    /// <summary>All that was ever made for a container's id. Absent is success.</summary>
    /// <param name="containerId">The gateway's id.</param>
    /// <param name="state">What was saved, if it is known.</param>
    /// <param name="known">The process, if there is an object for it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RemoveAsync(string containerId, DockerState? state, DockerInit? known, CancellationToken cancellationToken)
    {
        var found = await tools.Objects.OfContainerAsync(containerId, cancellationToken).ConfigureAwait(false);
        var cgroups = found.Select(static c => c.Labels.TryGetValue(EngineObjects.CgroupLabel, out var path) ? path : null).Append(state?.Cgroup).OfType<string>().Distinct().ToList();
        foreach (var container in found)
        {
            await RemoveAsync(container, known, cancellationToken).ConfigureAwait(false);
        }

        if (found.Count == 0 && known is not null)
        {
            // Somebody else removed it from the Engine.
            known.Vanished();
        }

        try
        {
            foreach (var cgroup in cgroups.Select(path => new ContainerCgroup(tools.Cgroups, path)))
            {
                await cgroup.KillAsync().ConfigureAwait(false);
                await cgroup.RemoveAsync().ConfigureAwait(false);
            }

            File.Delete(PositionOf(containerId));
        }
        catch (Exception e) when (e is IOException or TimeoutException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"container {containerId} is gone from the Docker Engine, but something is left: {e.Message}", e);
        }
    }

    /// <summary>One of the Engine's.</summary>
    public async Task RemoveAsync(ContainerListResponse container, DockerInit? known, CancellationToken cancellationToken)
    {
        await tools.Objects.KillAsync(container.ID, cancellationToken).ConfigureAwait(false);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(EndLimit);
        try
        {
            // Its status and its output are the Engine's; they go with it.
            await (known?.DestroyedAsync(limit.Token) ?? tools.Objects.WaitAsync(container.ID, limit.Token)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"container {container.ID} does not end within {EndLimit.TotalSeconds:0} s after it was killed; it is removed all the same");
        }

        await tools.Objects.RemoveAsync(container.ID, cancellationToken).ConfigureAwait(false);
    }

    private string PositionOf(string containerId)
    {
        var path = tools.Folders.LogPosition(containerId);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }
}

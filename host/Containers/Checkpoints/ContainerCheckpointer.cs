using Berth.Abstractions;
using Berth.Common;
using Berth.Linux;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// CheckpointContainer. The container is frozen while it is read, and runs on. When the time is over the caller is told so at once and
/// no file appears, but a dump that has begun ends by itself: cut off, it would break the container.
/// </summary>
public sealed class ContainerCheckpointer(
    ContainerRegistry registry, SandboxRegistry sandboxes, HandlerTable handlers, ContainerDumps dumps, CheckpointFolders folders, KeyedLock locks, SharedGate gate, TimeProvider time)
{
    /// <summary>Writes the checkpoint.</summary>
    /// <param name="id">Which container; it must run.</param>
    /// <param name="location">The file, which must not be there.</param>
    /// <param name="limit">How long it may take; zero is as long as the caller waits.</param>
    /// <param name="cancellationToken">The caller.</param>
    public Task CheckpointAsync(string id, string location, TimeSpan limit, CancellationToken cancellationToken)
    {
        Require(id);
        return TimedWork.RunAsync($"the checkpoint of container {id}", limit, time, work => WriteAsync(id, location, work), cancellationToken);
    }

    /// <summary>The container, if a checkpoint of it can be.</summary>
    internal Container Require(string id)
    {
        var container = registry.Find(id) ?? throw RuntimeException.NotFound($"container {id} does not exist");
        var sandbox = sandboxes.Get(container.SandboxId) ?? throw RuntimeException.NotFound($"pod sandbox {container.SandboxId} of container {id} does not exist");
        CheckpointSupport.Demand(sandbox, handlers.Current, $"checkpoint of container {container.Id}");
        return container.Phase == ContainerPhase.Running
            ? container
            : throw RuntimeException.FailedPrecondition($"checkpoint of container {container.Id}: it is {container.Phase}, and only one that runs has anything to write down");
    }

    private async Task WriteAsync(string id, string location, TimedWork work)
    {
        using var held = await locks.AcquireAsync(id, work.Token);
        var container = Require(id);
        using var entered = await gate.EnterAsync(container.SandboxId);
        using var file = CheckpointTarget.Create(location);
        try
        {
            await DumpAsync(container, work.Token);
            await Task.Run(() => Fill(file, folders.Dump(container.Id), location, work.Token), CancellationToken.None);
            work.Commit(() => CheckpointTarget.Name(file, location));
        }
        finally
        {
            CheckpointFolders.Delete(folders.Dump(container.Id));
        }
    }

    private async Task DumpAsync(Container container, CancellationToken cancellationToken)
    {
        try
        {
            await dumps.FreezeAsync(container, cancellationToken);
            await dumps.WriteAsync(container, cancellationToken);
        }
        finally
        {
            dumps.Thaw(container);
        }
    }

    /// <summary>Writes a container's folder as an archive into a file.</summary>
    internal static void Fill(UnnamedFile file, string folder, string location, CancellationToken cancellationToken)
    {
        try
        {
            using var content = file.Open();
            CheckpointArchive.Write(folder, content, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ContainerDumps.Failed(location, e);
        }
    }
}

using System.Text.Json;
using Berth.Abstractions;
using Berth.Common;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// CheckpointPod: a folder with the archive of each container, <c>pod.dump</c> and <c>pod.options</c>, which says what belongs together.
/// All containers are frozen before the first is read, so none has heard from another what that one will not remember.
/// </summary>
public sealed class PodCheckpointer(
    SandboxRegistry sandboxes,
    ContainerRegistry containers,
    HandlerTable handlers,
    ContainerCheckpointer checkpointer,
    ContainerDumps dumps,
    CheckpointFolders folders,
    KeyedLock locks,
    SharedGate gate,
    TimeProvider time)
{
    /// <summary>Writes the checkpoint; the caller's deadline is its limit.</summary>
    /// <param name="sandboxId">Which pod.</param>
    /// <param name="path">The folder: absent, or empty.</param>
    /// <param name="containerIds">Which containers; none is all that run.</param>
    /// <param name="cancellationToken">The caller.</param>
    public Task CheckpointAsync(string sandboxId, string path, IReadOnlyList<string> containerIds, CancellationToken cancellationToken)
    {
        var sandbox = RequireReady(sandboxId);
        var chosen = Choose(sandbox, containerIds);
        return TimedWork.RunAsync($"the checkpoint of pod sandbox {sandbox.Id}", TimeSpan.Zero, time, work => WriteAsync(sandbox, chosen, path, work), cancellationToken);
    }

    private Sandbox RequireReady(string id)
    {
        var sandbox = sandboxes.Find(id) ?? throw RuntimeException.NotFound($"pod sandbox {id} does not exist");
        if (sandbox.Phase != SandboxPhase.Ready)
        {
            throw RuntimeException.FailedPrecondition($"checkpoint of pod sandbox {sandbox.Id}: it is {sandbox.Phase}, not ready");
        }

        CheckpointSupport.Demand(sandbox, handlers.Current, $"checkpoint of pod sandbox {sandbox.Id}");
        return sandbox;
    }

    private List<string> Choose(Sandbox sandbox, IReadOnlyList<string> ids)
    {
        var chosen = ids.Count == 0
            ? containers.OfSandbox(sandbox.Id).Where(static c => c.Phase == ContainerPhase.Running).Select(static c => c.Id).ToList()
            : ids.Select(id => checkpointer.Require(id)).Select(c => c.SandboxId == sandbox.Id ? c.Id : throw RuntimeException.InvalidArgument(
                $"container {c.Id} (container_ids) is not in pod sandbox {sandbox.Id}")).Distinct(StringComparer.Ordinal).ToList();
        return chosen.Count > 0
            ? [.. chosen.Order(StringComparer.Ordinal)]
            : throw RuntimeException.FailedPrecondition($"checkpoint of pod sandbox {sandbox.Id}: none of its containers runs");
    }

    private async Task WriteAsync(Sandbox sandbox, List<string> ids, string path, TimedWork work)
    {
        using var entered = await gate.EnterAsync(sandbox.Id);
        var held = new List<IDisposable>();
        try
        {
            // In the order of their ids: two checkpoints of one pod wait for each other, and not for ever.
            foreach (var id in ids)
            {
                held.Add(await locks.AcquireAsync(id, work.Token));
            }

            var all = ids.ConvertAll(checkpointer.Require);
            using var target = PodCheckpointTarget.Create(path);
            await DumpAsync(all, work.Token);
            await Task.Run(() => Fill(target, sandbox, all, work.Token), CancellationToken.None);
            work.Commit(() => NameAll(target, sandbox.Id));
        }
        finally
        {
            ids.ForEach(id => CheckpointFolders.Delete(folders.Dump(id)));
            held.ForEach(static h => h.Dispose());
        }
    }

    private async Task DumpAsync(List<Container> all, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var container in all)
            {
                await dumps.FreezeAsync(container, cancellationToken);
            }

            foreach (var container in all)
            {
                await dumps.WriteAsync(container, cancellationToken);
            }
        }
        finally
        {
            all.ForEach(dumps.Thaw);
        }
    }

    private void Fill(PodCheckpointTarget target, Sandbox sandbox, List<Container> all, CancellationToken cancellationToken)
    {
        var names = all.ToDictionary(static c => c.Spec.Name, static c => $"{c.Spec.Name}-{c.Id[..12]}", StringComparer.Ordinal);
        foreach (var container in all)
        {
            ContainerCheckpointer.Fill(target.Add($"{names[container.Spec.Name]}.tar"), folders.Dump(container.Id), target.Folder, cancellationToken);
        }

        var dump = new PodCheckpointDump(
            sandbox.Id, sandbox.Spec.Name, sandbox.Spec.Namespace, sandbox.Spec.Uid, sandbox.Spec.Attempt, sandbox.Handler, sandbox.Hostname, sandbox.Ips,
            sandbox.CreatedAt, sandbox.Spec.Labels, sandbox.Spec.Annotations);
        target.Write(CheckpointNames.PodDump, JsonSerializer.SerializeToUtf8Bytes(dump, CheckpointJson.Default.PodCheckpointDump));
        target.Write(CheckpointNames.PodOptions, JsonSerializer.SerializeToUtf8Bytes(new() { Containers = names }, CheckpointJson.Default.PodCheckpointOptions));
    }

    private void NameAll(PodCheckpointTarget target, string sandboxId)
    {
        folders.NoteNames(sandboxId, target.Names);
        try
        {
            target.NameAll();
        }
        finally
        {
            CheckpointFolders.Delete(folders.Dump(sandboxId));
        }
    }
}

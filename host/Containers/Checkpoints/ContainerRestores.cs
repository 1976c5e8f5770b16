using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Images.Layers;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>Gets the folder ready from which a container goes on, and its root file system as it was.</summary>
public sealed class ContainerRestores(CheckpointSources sources, CheckpointFolders folders, ContainerPaths paths)
{
    /// <summary>Unpacks the checkpoint, after the root file system was mounted; what a kill cuts off is found by <see cref="Remove"/>.</summary>
    /// <returns>The folder; null for a container that begins anew.</returns>
    public async Task<string?> MakeAsync(Container container)
    {
        if (container.Spec.RestoreFrom is not { } source)
        {
            return null;
        }

        var folder = folders.Restore(container.Id);
        await using var checkpoint = await sources.OpenAsync(container.Spec.Name, source);
        try
        {
            CheckpointFolders.MakeEmpty(folder);
            await checkpoint.UnpackAsync(folder, CancellationToken.None);
            await ApplyChangesAsync(folder, paths.Rootfs(container.Id));
            await Task.Run(() => ApplyDeletions(folder, paths.Rootfs(container.Id)));
            return folder;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException)
        {
            throw CheckpointSources.Wrong(container.Spec.Name, source, $"has changes of the root file system that cannot be: {e.Message}");
        }
        catch (LinuxException e)
        {
            throw new RuntimeException(
                e.IsOutOfResources ? RuntimeErrorCode.ResourceExhausted : RuntimeErrorCode.Unavailable,
                $"container {container.Spec.Name}: the files of checkpoint {source} cannot be written: {e.Message}",
                e);
        }
    }

    /// <summary>Whether it fits, once config.json is written.</summary>
    public void Check(Container container)
    {
        if (container.Spec.RestoreFrom is not { } source)
        {
            return;
        }

        try
        {
            var was = RestoreChecks.Read(File.ReadAllBytes(Path.Combine(folders.Restore(container.Id), CheckpointNames.Spec)));
            RestoreChecks.Demand(was, OciJson.ReadSpec(File.ReadAllBytes(paths.Config(container.Id))), container.Spec.Name, source);
        }
        catch (JsonException e)
        {
            throw CheckpointSources.Wrong(container.Spec.Name, source, $"has a {CheckpointNames.Spec} that cannot be read: {e.Message}");
        }
    }

    /// <summary>Deletes the folder: the container goes on by itself, or is gone.</summary>
    public void Remove(string containerId) => CheckpointFolders.Delete(folders.Restore(containerId));

    private static async Task ApplyChangesAsync(string folder, string rootfs)
    {
        var path = Path.Combine(folder, CheckpointNames.RootfsDiff);
        if (!File.Exists(path))
        {
            return;
        }

        await using var archive = File.OpenRead(path);
        using var writer = new LayerWriter(rootfs);
        await LayerUnpacker.WriteEntriesAsync(new(archive), writer, new(rootfs), CancellationToken.None);
        writer.CompleteFolders();
        if (writer.MissingLinks is [var link, ..])
        {
            throw new InvalidDataException($"hard link {link.Path} leads to {link.Target}, which is not there");
        }

        File.Delete(path);
    }

    private static void ApplyDeletions(string folder, string rootfs)
    {
        var path = Path.Combine(folder, CheckpointNames.DeletedFiles);
        if (!File.Exists(path) || JsonSerializer.Deserialize(File.ReadAllBytes(path), CheckpointJson.Default.IReadOnlyListString) is not { } deleted)
        {
            return;
        }

        using var root = SafeFd.OpenDirectory(rootfs);
        foreach (var name in deleted)
        {
            var file = EntryPath.Parse(Encoding.UTF8.GetBytes(name));
            if (file.IsRoot)
            {
                throw new InvalidDataException($"{CheckpointNames.DeletedFiles} names the root folder");
            }

            try
            {
                using var parent = FilesAt.OpenFolder(root, file.Parent.Bytes);
                FileTree.Delete(parent, file.FileName);
            }
            catch (LinuxException e) when (e.IsNotFound || e.IsNotFolder || e.IsLink)
            {
                // What is not there need not be deleted, and no link is followed to find it.
            }
        }
    }
}

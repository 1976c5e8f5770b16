using System.Text.Json;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// Where checkpoints are put together and taken apart: on disk, as they are as large as a container's memory, and root's alone. The
/// paths follow from ids, and a folder that is there when the gateway starts says what was cut off.
/// </summary>
/// <param name="Root">The gateway's root folder.</param>
/// <param name="Cgroups">To let containers run on.</param>
/// <param name="Log">For what was cut off.</param>
public sealed record CheckpointFolders(string Root, Cgroups Cgroups, ILogger<CheckpointFolders> Log)
{
    private const string NamesFile = "names";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private string Dumps => Path.Combine(Root, "checkpoints", "dumps");

    private string Restores => Path.Combine(Root, "checkpoints", "restores");

    /// <summary>Where the dump of a container is put together; while it exists, the container may be frozen.</summary>
    public string Dump(string containerId) => Path.Combine(Dumps, containerId);

    /// <summary>Where the checkpoint lies that a container will go on from.</summary>
    public string Restore(string containerId) => Path.Combine(Restores, containerId);

    /// <summary>Makes an empty folder; what an earlier try left goes.</summary>
    public static void MakeEmpty(string folder)
    {
        Delete(folder);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetDirectoryName(folder))!, OwnerOnly);
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!, OwnerOnly);
        Directory.CreateDirectory(folder, OwnerOnly);
    }

    /// <summary>Deletes a folder; absent is success.</summary>
    public static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            FileTree.Delete(folder);
        }
    }

    /// <summary>Writes down which names a pod's files are about to get.</summary>
    internal void NoteNames(string sandboxId, NamedFiles names)
    {
        MakeEmpty(Dump(sandboxId));
        File.WriteAllBytes(Path.Combine(Dump(sandboxId), NamesFile), JsonSerializer.SerializeToUtf8Bytes(names, CheckpointJson.Default.NamedFiles));
    }

    /// <summary>At the start of the gateway: what was frozen runs on, and what was half made goes.</summary>
    public void Recover(ContainerRegistry containers)
    {
        foreach (var folder in Children(Dumps))
        {
            if (containers.Get(Path.GetFileName(folder)) is { CgroupPath.Length: > 0 } container)
            {
                Cgroups.Thaw(container.CgroupPath);
            }

            TakeNamesAway(folder);
            Delete(folder);
            ContainerLog.CheckpointCutOff(Log, Path.GetFileName(folder));
        }

        foreach (var folder in Children(Restores).Where(f => containers.Get(Path.GetFileName(f)) is not { Phase: ContainerPhase.Created or ContainerPhase.Starting }))
        {
            Delete(folder);
        }
    }

    private static string[] Children(string folder) => Directory.Exists(folder) ? Directory.GetDirectories(folder) : [];

    // Only the very files that were written down: a name may be another's by now.
    private static void TakeNamesAway(string folder)
    {
        var path = Path.Combine(folder, NamesFile);
        if (!File.Exists(path) || JsonSerializer.Deserialize(File.ReadAllBytes(path), CheckpointJson.Default.NamedFiles) is not { } names || !Directory.Exists(names.Folder))
        {
            return;
        }

        foreach (var (name, inode) in names.Inodes)
        {
            var file = Path.Combine(names.Folder, name);
            if (FileStatus.Find(file, followLink: false) is { } status && status.Inode == inode)
            {
                File.Delete(file);
            }
        }

        if (names.IsOurs && !Directory.EnumerateFileSystemEntries(names.Folder).Any())
        {
            Directory.Delete(names.Folder);
        }
    }
}

using System.Text.Json;
using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Images;
using Berth.Linux;
using Berth.Sandboxes;

namespace Berth.Containers.Checkpoints;

/// <summary>
/// Puts the parts of a container's checkpoint together in its folder: the processes by its handler, what it has written, and what is
/// known of it. The container is frozen by the caller, so that the parts belong together.
/// </summary>
public sealed class ContainerDumps(
    SandboxRegistry sandboxes, SandboxObjects objects, ImageStore images, Snapshots snapshots, CheckpointFolders folders, Cgroups cgroups, ContainerPaths paths, TimeProvider time)
{
    // The kernel waits for system calls that do not heed it, such as on a dead network file system.
    private static readonly TimeSpan FreezeLimit = TimeSpan.FromSeconds(20);
    private const long LongestLog = 64 << 20;

    /// <summary>Stops all processes of the container; its folder is there from here on, so that a start after a kill lets them go on.</summary>
    public async Task FreezeAsync(Container container, CancellationToken cancellationToken)
    {
        CheckpointFolders.MakeEmpty(folders.Dump(container.Id));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(FreezeLimit);
        try
        {
            await cgroups.FreezeAsync(container.CgroupPath, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw RuntimeException.Unavailable(
                $"container {container.Id}: its processes do not stop within {FreezeLimit.TotalSeconds:0} s; one of them hangs in the kernel, see `ps` for state D");
        }
    }

    /// <summary>Lets them run on.</summary>
    public void Thaw(Container container) => cgroups.Thaw(container.CgroupPath);

    /// <summary>Writes all parts. A dump that has begun goes on to its end, whatever the token says.</summary>
    public async Task WriteAsync(Container container, CancellationToken cancellationToken)
    {
        var folder = folders.Dump(container.Id);
        using var live = objects.UseContainer(container.SandboxId, container.Id);
        await live.Object.CheckpointAsync(new() { Directory = folder, LeaveRunning = true }, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await Task.Run(() => Describe(container, folder, cancellationToken), CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Failed(container.Id, e);
        }
    }

    /// <summary>A failure of the disk as callers see it.</summary>
    internal static RuntimeException Failed(string subject, Exception e)
    {
        const int ENOSPC = 28;
        var isFull = e is LinuxException { IsOutOfResources: true } || (e is IOException && (e.HResult & 0xFFFF) == ENOSPC);
        return new(isFull ? RuntimeErrorCode.ResourceExhausted : RuntimeErrorCode.Unavailable, $"the checkpoint of {subject} cannot be written: {e.Message}", e);
    }

    private void Describe(Container container, string folder, CancellationToken cancellationToken)
    {
        var config = File.ReadAllBytes(paths.Config(container.Id));
        var spec = OciJson.ReadSpec(config);
        Write(CheckpointNames.Spec, config);
        Write(CheckpointNames.Config, JsonSerializer.SerializeToUtf8Bytes(ConfigOf(container), CheckpointJson.Default.CheckpointConfig));
        var status = JsonSerializer.SerializeToUtf8Bytes(StatusOf(container), CheckpointStatusJson.Default.CheckpointStatus);
        Write(CheckpointNames.Status, status);
        Write(CheckpointNames.OlderStatus, status);
        Write(CheckpointNames.BindMounts, JsonSerializer.SerializeToUtf8Bytes(MountsOf(spec), CheckpointMountsJson.Default.IReadOnlyListCheckpointMount));
        CopyLog(container, folder);
        WriteChanges(container, spec, folder, cancellationToken);

        void Write(string name, byte[] content) => File.WriteAllBytes(Path.Combine(folder, name), content);
    }

    private void WriteChanges(Container container, OciSpec spec, string folder, CancellationToken cancellationToken)
    {
        // Files and folders that the runtime made to mount something over are not the container's.
        var mounted = spec.Mounts.Select(static m => m.Destination.TrimEnd('/')).ToHashSet(StringComparer.Ordinal);
        using var target = new FileStream(Path.Combine(folder, CheckpointNames.RootfsDiff), FileMode.CreateNew, FileAccess.Write, FileShare.None, 256 * 1024);
        var changes = FolderTar.WriteChanges(snapshots.Upper(container.Id), target, mounted.Contains, cancellationToken);
        var deleted = changes.Hidden.Concat(changes.Opaque.SelectMany(o => snapshots.HiddenIn(container.Id, images.Find(container.ImageId), o))).ToList();
        if (deleted.Count > 0)
        {
            File.WriteAllBytes(Path.Combine(folder, CheckpointNames.DeletedFiles), JsonSerializer.SerializeToUtf8Bytes(deleted, CheckpointJson.Default.IReadOnlyListString));
        }
    }

    private static void CopyLog(Container container, string folder)
    {
        if (container.LogPath.Length == 0 || FileStatus.Find(container.LogPath, followLink: false) is not { Kind: FileKind.Regular, SizeBytes: <= LongestLog })
        {
            return;
        }

        using var parent = SafeFd.OpenDirectory(Path.GetDirectoryName(container.LogPath)!);
        using var log = FilesAt.OpenRegular(parent, System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(container.LogPath)));
        using var target = SafeFd.OpenDirectory(folder);
        using var copy = FilesAt.CreateFile(target, System.Text.Encoding.UTF8.GetBytes(CheckpointNames.Log));
        FileContent.Copy(log, copy);
    }

    private CheckpointConfig ConfigOf(Container container)
    {
        var image = images.Find(container.ImageId);
        return new()
        {
            Id = container.Id,
            Name = container.Spec.Name,
            RootfsImage = container.Spec.UserSpecifiedImage.Length > 0 ? container.Spec.UserSpecifiedImage : container.Spec.Image,
            RootfsImageRef = container.ImageId,
            RootfsImageName = image?.RepoTags.Concat(image.RepoDigests).FirstOrDefault() ?? container.ImageRef,
            Runtime = sandboxes.Get(container.SandboxId)?.Handler ?? "",
            CreatedTime = container.CreatedAt,
            CheckpointedTime = time.GetUtcNow(),
            RestoredTime = container.Spec.RestoreFrom is null ? default : container.StartedAt ?? default,
            Restored = container.Spec.RestoreFrom is not null,
        };
    }

    private static CheckpointStatus StatusOf(Container container) => new(
        Nanoseconds(container.CreatedAt), Nanoseconds(container.StartedAt), Nanoseconds(container.FinishedAt), container.ExitCode, container.Pid, container.Reason, container.Message);

    private static long Nanoseconds(DateTimeOffset? time) => time is { } at ? (at - DateTimeOffset.UnixEpoch).Ticks * 100 : 0;

    private static IReadOnlyList<CheckpointMount> MountsOf(OciSpec spec) =>
        [.. RestoreChecks.Binds(spec).Select(static m => (Mount: m, Status: FileStatus.Find(m.Source)))
            .Where(static m => m.Status is not null)
            .Select(static m => new CheckpointMount(m.Mount.Source, m.Mount.Destination, m.Status!.Value.Kind == FileKind.Folder ? "directory" : "file", m.Status.Value.Mode & 0x1FF))];
}

using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Guest.Protocol;
using Berth.Plugins.Vm;

namespace Berth.Plugins.Runv;

/// <summary>
/// A root file system is a disk: the image's file, read-only and the same for every container of the image, plugged into the
/// VM; what a container writes stays in the guest's memory. Nothing is shared, so small read-only files are copied in.
/// </summary>
internal sealed class BlockRootfs : IRootfsSupply
{
    // virtio-blk's serial, in bytes.
    private const int SerialLength = 20;

    public RootfsForm Form => RootfsForm.Block;

    public bool SharesFolders => false;

    // The gateway makes the images with it.
    public IReadOnlyList<NeededProgram> Programs => [new("mkfs.erofs", "erofs-utils")];

    public void Check(CreateContainerRequest request, IReadOnlyList<HostMount> mounts) => CopiedFiles.Read(request.ContainerId, mounts);

    public string? PlanDisk(CreateContainerRequest request) => Serial(request.ContainerId);

    public async Task<GuestFiles> AddAsync(
        VmFiles files, CreateContainerRequest request, IReadOnlyList<HostMount> mounts, GuestAgent agent, CancellationToken cancellationToken)
    {
        var id = request.ContainerId;
        var image = request.Rootfs.Path ?? throw RuntimeException.InvalidArgument($"container {id}: its root file system has no path");
        await Qmp.TalkAsync(files.Qmp, (qmp, token) => PlugAsync(qmp, Serial(id), image, token), cancellationToken).ConfigureAwait(false);
        var disk = new MountDisk { ContainerId = id, Serial = Serial(id), FileSystem = request.Rootfs.FileSystem ?? "erofs" };
        await agent.MountDiskAsync(disk, cancellationToken).ConfigureAwait(false);
        var copied = CopiedFiles.Read(id, mounts);
        if (mounts.Count > 0)
        {
            await agent.WriteFilesAsync(new(id, copied.Files, copied.Folders, copied.Rights), cancellationToken).ConfigureAwait(false);
        }

        return new()
        {
            Rootfs = GuestPaths.Rootfs(id),
            Sources = mounts.ToDictionary(static m => m.Index, m => $"{GuestPaths.Files(id)}/{CopiedFiles.NameOf(m)}"),
            Returned = copied.Returned,
        };
    }

    public async Task RemoveAsync(VmFiles files, string containerId, ContainerState? state, CancellationToken cancellationToken)
    {
        if (state?.Disk is { } serial)
        {
            await Qmp.TalkAsync(files.Qmp, (qmp, token) => UnplugAsync(qmp, serial, token), cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<bool> PlugAsync(Qmp qmp, string serial, string image, CancellationToken cancellationToken)
    {
        var node = new JsonObject
        {
            ["driver"] = "raw",
            ["node-name"] = "n-" + serial,
            ["read-only"] = true,
            // One image serves many VMs, and nobody writes it.
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = image, ["read-only"] = true, ["locking"] = "off" },
        };
        await qmp.ExecuteAsync("blockdev-add", node, cancellationToken).ConfigureAwait(false);
        var device = new JsonObject { ["driver"] = "virtio-blk-pci", ["id"] = "d-" + serial, ["drive"] = "n-" + serial, ["serial"] = serial };
        await qmp.ExecuteAsync("device_add", device, cancellationToken).ConfigureAwait(false);
        return true;
    }

    // The guest lets go of a device when it has seen the request; the file can be closed only after.
    private static async Task<bool> UnplugAsync(Qmp qmp, string serial, CancellationToken cancellationToken)
    {
        if (await TryAsync(qmp, "device_del", new() { ["id"] = "d-" + serial }, cancellationToken).ConfigureAwait(false))
        {
            await qmp.WaitEventAsync("DEVICE_DELETED", "device", "d-" + serial, cancellationToken).ConfigureAwait(false);
        }

        return await TryAsync(qmp, "blockdev-del", new() { ["node-name"] = "n-" + serial }, cancellationToken).ConfigureAwait(false);
    }

    // What was never plugged in, or is unplugged, is gone.
    private static async Task<bool> TryAsync(Qmp qmp, string command, JsonObject arguments, CancellationToken cancellationToken)
    {
        try
        {
            await qmp.ExecuteAsync(command, arguments, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RuntimeException e) when (e.Message.Contains("not found", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("find", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
    }

    private static string Serial(string containerId) => containerId[..SerialLength];
}

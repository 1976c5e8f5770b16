using System.Globalization;
using Berth.Abstractions;
using Berth.Guest.Protocol;
using Berth.Plugins.Vm;

namespace Berth.Plugins.ClearContainers;

/// <summary>
/// Root file systems and volumes stay on the host, and the guest sees them through one file server: each is bind-mounted into
/// the shared folder, where the guest finds it at once.
/// </summary>
internal sealed class SharedRootfs : IRootfsSupply
{
    public RootfsForm Form => RootfsForm.Mounted;

    public bool SharesFolders => true;

    public IReadOnlyList<NeededProgram> Programs => [];

    public void Check(CreateContainerRequest request, IReadOnlyList<HostMount> mounts)
    {
        foreach (var mount in mounts)
        {
            if (!File.Exists(mount.Source) && !Directory.Exists(mount.Source))
            {
                throw RuntimeException.InvalidArgument($"container {request.ContainerId}: {mount.Source}, to be mounted on {mount.Destination}, does not exist");
            }
        }
    }

    public string? PlanDisk(CreateContainerRequest request) => null;

    public Task<GuestFiles> AddAsync(VmFiles files, CreateContainerRequest request, IReadOnlyList<HostMount> mounts, GuestAgent agent, CancellationToken cancellationToken)
    {
        var id = request.ContainerId;
        var rootfs = Add("rootfs", request.Rootfs.Path ?? throw RuntimeException.InvalidArgument($"container {id}: its root file system has no path"), false, true);
        return Task.FromResult(new GuestFiles
        {
            Rootfs = rootfs,
            Sources = mounts.ToDictionary(static m => m.Index, AddMount),
        });

        string AddMount(HostMount mount) => Add(string.Create(CultureInfo.InvariantCulture, $"m{mount.Index}"), mount.Source, mount.ReadOnly, mount.Recursive);

        string Add(string name, string source, bool readOnly, bool recursive) =>
            $"{GuestPaths.Share(QemuArguments.ShareTag)}/{ShareFolder.Add(files, id, name, source, readOnly, recursive)}";
    }

    public Task RemoveAsync(VmFiles files, string containerId, ContainerState? state, CancellationToken cancellationToken)
    {
        ShareFolder.Remove(files, containerId);
        return Task.CompletedTask;
    }
}

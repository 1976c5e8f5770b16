using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>The device nodes of a container and the rules of its device cgroup.</summary>
internal sealed record DevicePlan(IReadOnlyList<OciDevice> Nodes, IReadOnlyList<OciDeviceRule> Rules)
{
    private const int MaxNodes = 4096;
    private const string AllAccess = "rwm";

    // Each container has its own of these.
    private static readonly HashSet<string> OwnFolders = ["/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/console"];

    // The runtime itself allows and makes null, zero, full, random, urandom, tty, ptmx and pts: config-linux.md, default devices.
    private static readonly OciDeviceRule DenyAll = new(false, AllAccess);

    internal static DevicePlan Create(ContainerSpec container)
    {
        if (container.Security.Privileged)
        {
            return new([.. HostNodes("/dev", "/dev")], [new(true, AllAccess)]);
        }

        var nodes = new List<OciDevice>();
        var rules = new List<OciDeviceRule> { DenyAll };
        foreach (var device in container.Devices)
        {
            var access = CheckAccess(device);
            foreach (var node in Find(device))
            {
                nodes.Add(node);
                rules.Add(new(true, access, node.Type, node.Major, node.Minor));
            }
        }

        return new(nodes, rules);
    }

    private static string CheckAccess(DeviceSpec device)
    {
        var access = device.Permissions.Length == 0 ? AllAccess : device.Permissions;
        return access.All(AllAccess.Contains) && access.Distinct().Count() == access.Length
            ? access
            : throw RuntimeException.InvalidArgument($"device {device.HostPath} has permissions \"{device.Permissions}\"; they are letters of \"rwm\"");
    }

    private static IReadOnlyList<OciDevice> Find(DeviceSpec device)
    {
        var hostPath = ContainerPath.Normalize(device.HostPath, "the host path of a device");
        var containerPath = device.ContainerPath.Length == 0 ? hostPath : ContainerPath.Normalize(device.ContainerPath, "the container path of a device");
        var status = FileStatus.Find(hostPath)
            ?? throw RuntimeException.FailedPrecondition($"device {hostPath} does not exist on this host");
        IReadOnlyList<OciDevice> found = status.Kind == FileKind.Folder
            ? [.. HostNodes(RealPath.Find(hostPath) ?? hostPath, containerPath)]
            : TryNode(containerPath, status) is { } node ? [node] : [];
        return found.Count > 0
            ? found
            : throw RuntimeException.InvalidArgument($"{hostPath} is neither a device node nor a folder with device nodes");
    }

    /// <summary>Every node beneath a folder of the host; links are not followed.</summary>
    private static IEnumerable<OciDevice> HostNodes(string folder, string containerFolder)
    {
        var count = 0;
        var folders = new Queue<string>([folder]);
        while (folders.TryDequeue(out var next))
        {
            foreach (var path in Directory.EnumerateFileSystemEntries(next).Where(static p => !OwnFolders.Contains(p)).Order(StringComparer.Ordinal))
            {
                // A device may go at any moment.
                if (FileStatus.Find(path, followLink: false) is not { } status)
                {
                    continue;
                }

                if (status.Kind == FileKind.Folder)
                {
                    folders.Enqueue(path);
                }
                else if (TryNode(containerFolder.TrimEnd('/') + path[folder.Length..], status) is { } node)
                {
                    yield return ++count <= MaxNodes
                        ? node
                        : throw RuntimeException.InvalidArgument($"{folder} has more than {MaxNodes} device nodes");
                }
            }
        }
    }

    private static OciDevice? TryNode(string containerPath, FileStatus status) =>
        status.Kind is not (FileKind.BlockDevice or FileKind.CharacterDevice)
            ? null
            : new()
            {
                Type = status.Kind == FileKind.BlockDevice ? "b" : "c",
                Path = containerPath,
                Major = status.DeviceMajor,
                Minor = status.DeviceMinor,
                FileMode = (uint)status.Mode & 0x1ff,
                Uid = status.Uid,
                Gid = status.Gid,
            };
}

using Berth.Abstractions;
using Berth.Containers.Spec;
using Berth.Linux;

namespace Berth.Containers.Cdi;

/// <summary>Device nodes of CDI devices, with the rules of the device cgroup that let the container use them.</summary>
internal static class CdiNodes
{
    private const string AllAccess = "rwm", NoAccess = "none", Fifo = "p";

    internal static OciLinux Add(OciLinux linux, OciUser user, IReadOnlyList<CdiDeviceNode> nodes)
    {
        var devices = (linux.Devices ?? []).ToList();
        var rules = (linux.Resources.Devices ?? []).ToList();
        foreach (var node in nodes)
        {
            var device = Complete(node, user);
            devices.RemoveAll(d => d.Path == device.Path);
            devices.Add(device);
            if (device.Type != Fifo && node.Permissions != NoAccess)
            {
                rules.Add(new(true, node.Permissions is { Length: > 0 } access ? access : AllAccess, device.Type, device.Major, device.Minor));
            }
        }

        return linux with { Devices = devices, Resources = linux.Resources with { Devices = rules } };
    }

    // What the file leaves out is as on the host; the node belongs to the container's user, who is to use it.
    private static OciDevice Complete(CdiDeviceNode node, OciUser user)
    {
        var hostPath = node.HostPath is { Length: > 0 } given ? given : node.Path;
        var status = FileStatus.Find(hostPath, followLink: false);
        var found = status?.Kind switch
        {
            FileKind.BlockDevice => "b",
            FileKind.CharacterDevice => "c",
            FileKind.Fifo => Fifo,
            _ => null,
        };
        var asked = node.Type is { Length: > 0 } type ? type == "u" ? "c" : type : null;
        var isDescribed = asked == Fifo || (asked is not null && node.Major is > 0);
        if (!isDescribed && (found is null || (asked is not null && asked != found)))
        {
            throw RuntimeException.FailedPrecondition(
                $"{hostPath}, a node of a CDI device, {(status is null ? "does not exist on this host" : $"is no device of type {asked ?? "b, c or p"}")}; repair the device's driver or its CDI file");
        }

        return new()
        {
            Type = asked ?? found!,
            Path = ContainerPath.Normalize(node.Path, "the path of a CDI device's node"),
            Major = isDescribed ? node.Major ?? 0 : status!.Value.DeviceMajor,
            Minor = isDescribed ? node.Minor ?? 0 : status!.Value.DeviceMinor,
            FileMode = node.FileMode ?? (uint)(status?.Mode ?? 0b110_110_110) & 0x1ff,
            Uid = node.Uid ?? user.Uid,
            Gid = node.Gid ?? user.Gid,
        };
    }
}

using Berth.Containers;

namespace Berth.Cri.Mapping;

/// <summary>Mounts and devices of a container.</summary>
internal static class MountMapping
{
    public static MountSpec ToDomain(Protos.Mount mount, string field)
    {
        var image = mount.Image?.Image ?? "";
        if (image.Length > 0 == mount.HostPath.Length > 0)
        {
            throw Field.Wrong(field, "must have either a host_path or an image");
        }

        if (image.Length == 0 && mount.ImageSubPath.Length > 0)
        {
            throw Field.Wrong($"{field}.image_sub_path", "is given without an image");
        }

        var propagation = Propagation(mount.Propagation, $"{field}.propagation");
        return mount.RecursiveReadOnly && (!mount.Readonly || propagation != MountPropagation.Private)
            ? throw Field.Wrong($"{field}.recursive_read_only", "needs readonly, and private propagation")
            : new()
            {
                ContainerPath = Field.OptionalAbsolutePath(Field.Text(mount.ContainerPath, $"{field}.container_path"), $"{field}.container_path"),
                HostPath = Field.OptionalAbsolutePath(mount.HostPath, $"{field}.host_path"),
                ReadOnly = mount.Readonly || image.Length > 0, // an image is never written to
                RecursiveReadOnly = mount.RecursiveReadOnly,
                SelinuxRelabel = mount.SelinuxRelabel,
                Propagation = propagation,
                UidMappings = NamespaceMapping.Ranges(mount.UidMappings, $"{field}.uidMappings"),
                GidMappings = NamespaceMapping.Ranges(mount.GidMappings, $"{field}.gidMappings"),
                Image = Field.Line(image, $"{field}.image.image"),
                ImageSubPath = Field.OptionalPath(mount.ImageSubPath, $"{field}.image_sub_path"),
                ImageDetails = image.Length > 0 ? ImageSpecMapping.ToDetails(mount.Image!, $"{field}.image") : null,
                Options = [.. mount.MountOptions],
            };
    }

    public static DeviceSpec ToDevice(Protos.Device device, string field) => new(
        Field.OptionalAbsolutePath(Field.Text(device.HostPath, $"{field}.host_path"), $"{field}.host_path"),
        Field.OptionalAbsolutePath(Field.Text(device.ContainerPath, $"{field}.container_path"), $"{field}.container_path"),
        Permissions(device.Permissions, $"{field}.permissions"));

    /// <summary>As the request had it: a kubelet finds the termination log's file on the host by its path in the container.</summary>
    public static Protos.Mount ToProto(MountSpec mount)
    {
        var answer = new Protos.Mount
        {
            ContainerPath = mount.ContainerPath,
            HostPath = mount.HostPath,
            Readonly = mount.ReadOnly,
            RecursiveReadOnly = mount.RecursiveReadOnly,
            SelinuxRelabel = mount.SelinuxRelabel,
            Propagation = Propagation(mount.Propagation),
            ImageSubPath = mount.ImageSubPath,
            MountOptions = { mount.Options },
            UidMappings = { mount.UidMappings.Select(NamespaceMapping.ToProto) },
            GidMappings = { mount.GidMappings.Select(NamespaceMapping.ToProto) },
        };
        if (mount.Image.Length > 0)
        {
            answer.Image = ImageSpecMapping.ToProto(mount.Image, mount.ImageDetails ?? new());
        }

        return answer;
    }

    private static string Permissions(string permissions, string field) =>
        permissions.Length is > 0 and <= 3 && permissions.All(static c => c is 'r' or 'w' or 'm')
            ? permissions
            : throw Field.Wrong(field, $"is {Field.Show(permissions)}; it must be one or more of the letters r, w and m");

    private static MountPropagation Propagation(Protos.MountPropagation propagation, string field) => propagation switch
    {
        Protos.MountPropagation.PropagationPrivate => MountPropagation.Private,
        Protos.MountPropagation.PropagationHostToContainer => MountPropagation.HostToContainer,
        Protos.MountPropagation.PropagationBidirectional => MountPropagation.Bidirectional,
        _ => throw Field.Unknown(field, (int)propagation),
    };

    private static Protos.MountPropagation Propagation(MountPropagation propagation) => propagation switch
    {
        MountPropagation.Private => Protos.MountPropagation.PropagationPrivate,
        MountPropagation.HostToContainer => Protos.MountPropagation.PropagationHostToContainer,
        _ => Protos.MountPropagation.PropagationBidirectional,
    };
}

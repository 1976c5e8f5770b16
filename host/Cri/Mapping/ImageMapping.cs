using Berth.Images;
using Berth.Images.Registries;
using Berth.Linux;

namespace Berth.Cri.Mapping;

/// <summary>Images, and what a pull is asked with.</summary>
internal static class ImageMapping
{
    /// <summary>The reference or id that a request names.</summary>
    public static string Reference(Protos.ImageSpec? image) =>
        Field.Line(Field.Text(Field.Required(image, "image").Image, "image.image"), "image.image");

    public static Protos.Image ToProto(ImageModel image)
    {
        var answer = new Protos.Image
        {
            Id = image.Id,
            RepoTags = { image.RepoTags },
            RepoDigests = { image.RepoDigests },
            Size = (ulong)Math.Max(0, image.SizeBytes),
            Username = image.Username,
            Pinned = image.Pinned,
        };
        if (image.Uid is { } uid)
        {
            answer.Uid = new() { Value = uid };
        }

        return answer;
    }

    /// <summary>Null where the request has none: the gateway's own configuration then decides.</summary>
    public static RegistryCredentials? Credentials(Protos.AuthConfig? auth) => auth is null || auth.Equals(new Protos.AuthConfig())
        ? null
        : new()
        {
            Username = auth.Username,
            Password = auth.Password,
            Auth = auth.Auth,
            ServerAddress = auth.ServerAddress,
            IdentityToken = auth.IdentityToken,
            RegistryToken = auth.RegistryToken,
        };

    /// <summary>The gateway's own file system comes first, because kubelets look at the first only.</summary>
    public static Protos.ImageFsInfoResponse ToProto(ImageFileSystemUsage usage) => new()
    {
        ImageFilesystems =
        {
            ToProto(usage, usage.MountPoint, usage.Images),
            usage.OtherImages.OrderBy(static o => o.Key, StringComparer.Ordinal).Select(o => ToProto(usage, o.Key, o.Value)),
        },
        ContainerFilesystems = { ToProto(usage, usage.MountPoint, usage.Containers) },
    };

    private static Protos.FilesystemUsage ToProto(ImageFileSystemUsage file, string mountPoint, TreeUsage usage) => new()
    {
        Timestamp = UnixNanoseconds.Of(file.MeasuredAt),
        FsId = new() { Mountpoint = mountPoint },
        UsedBytes = new() { Value = (ulong)Math.Max(0, usage.Bytes) },
        InodesUsed = new() { Value = (ulong)Math.Max(0, usage.Inodes) },
    };
}

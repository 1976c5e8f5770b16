using Berth.Images;
using Berth.Images.Registries;
using Berth.Linux;

namespace Berth.Cri.Mapping;

/// <summary>Images, and what a pull is asked with.</summary>
internal static class ImageMapping
{
    private const int MaxReference = 4096;

    /// <summary>The reference or id that a request names.</summary>
    public static string Reference(Protos.ImageSpec? image)
    {
        var reference = Field.Line(Field.Text(Field.Required(image, "image").Image, "image.image"), "image.image");
        return reference.Length <= MaxReference
            ? reference
            : throw Field.Wrong("image.image", $"is {Field.Show(reference)}; it has {reference.Length} characters, and there may be {MaxReference}");
    }

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
            Spec = new()
            {
                Image = image.RepoTags.Concat(image.RepoDigests).FirstOrDefault(image.Id),
                Annotations = { image.Asked.Annotations.ToDictionary() },
                RuntimeHandler = image.Asked.RuntimeHandler,
            },
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
            Auth = Auth(auth),
            ServerAddress = auth.ServerAddress,
            IdentityToken = auth.IdentityToken,
            RegistryToken = auth.RegistryToken,
        };

    // What is wrong with it is not shown: it may be most of a secret.
    private static string Auth(Protos.AuthConfig auth) =>
        auth.Auth.Length == 0 || Convert.TryFromBase64String(auth.Auth, new byte[auth.Auth.Length], out _)
            ? auth.Auth
            : throw Field.Wrong("auth.auth", "is not base64 of user:password");

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

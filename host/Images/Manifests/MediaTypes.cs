namespace Berth.Images.Manifests;

/// <summary>Media types of manifests, configurations and layers, Docker's and OCI's.</summary>
internal static class MediaTypes
{
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
    public const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";

    /// <summary>What a registry may answer with.</summary>
    public static IReadOnlyList<string> Manifests { get; } = [OciIndex, OciManifest, DockerList, DockerManifest];

    public static bool IsManifest(string? type) => type is DockerManifest or OciManifest;

    public static bool IsIndex(string? type) => type is DockerList or OciIndex;

    public static bool IsSchema1(string? type) => type is DockerSchema1 or DockerSchema1Signed;

    public static bool IsImageConfig(string type) =>
        type is "application/vnd.docker.container.image.v1+json" or "application/vnd.oci.image.config.v1+json";

    public static bool IsLayer(string type) => type
        is "application/vnd.docker.image.rootfs.diff.tar.gzip" or "application/vnd.docker.image.rootfs.diff.tar"
        or "application/vnd.docker.image.rootfs.diff.tar.zstd" or "application/vnd.oci.image.layer.v1.tar"
        or "application/vnd.oci.image.layer.v1.tar+gzip" or "application/vnd.oci.image.layer.v1.tar+zstd";

    /// <summary>A layer that the registry does not have, but some other server.</summary>
    public static bool IsForeignLayer(string type) =>
        type.Contains(".foreign.", StringComparison.Ordinal) || type.Contains(".nondistributable.", StringComparison.Ordinal);
}

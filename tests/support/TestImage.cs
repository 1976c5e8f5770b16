using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Tests.Support;

/// <summary>An image made by a test: layers, a config and the manifest over them.</summary>
public sealed class TestImage
{
    public TestImage(IReadOnlyList<TestLayer> layers, JsonObject? config = null, string? architecture = null, JsonObject? annotations = null)
    {
        Layers = layers;
        Architecture = architecture ?? Native;
        Config = Encode(new JsonObject
        {
            ["architecture"] = Architecture,
            ["os"] = "linux",
            ["config"] = config ?? new JsonObject { ["Env"] = new JsonArray("PATH=/bin"), ["Cmd"] = new JsonArray("/bin/sh") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. layers.Select(static l => (JsonNode)l.DiffId)]) },
        });
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", Config),
            ["layers"] = new JsonArray([.. layers.Select(static l => (JsonNode)Descriptor(l.MediaType, l.Blob))]),
        };
        if (annotations is not null)
        {
            manifest["annotations"] = annotations;
        }

        Manifest = Encode(manifest);
    }

    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    public const string IndexType = "application/vnd.oci.image.index.v1+json";

    /// <summary>This machine's architecture in OCI's words.</summary>
    public static string Native => RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";

    public IReadOnlyList<TestLayer> Layers { get; }

    public string Architecture { get; }

    public byte[] Config { get; }

    public byte[] Manifest { get; }

    /// <summary>The image's id.</summary>
    public string Id => Digest(Config);

    /// <summary>The manifest's digest.</summary>
    public string ManifestDigest => Digest(Manifest);

    public static string Digest(byte[] content) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>An index over images for several platforms.</summary>
    public static byte[] Index(params TestImage[] images) => Encode(new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = IndexType,
        ["manifests"] = new JsonArray([.. images.Select(static i => (JsonNode)i.PlatformDescriptor())]),
    });

    /// <summary>Writes an OCI image layout.</summary>
    public void WriteLayout(string folder, string name)
    {
        var blobs = Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256")).FullName;
        foreach (var blob in (IEnumerable<byte[]>)[Config, Manifest, .. Layers.Select(static l => l.Blob)])
        {
            File.WriteAllBytes(Path.Combine(blobs, Digest(blob)["sha256:".Length..]), blob);
        }

        var manifest = Descriptor(ManifestType, Manifest);
        manifest["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = name, ["io.containerd.image.name"] = name };
        File.WriteAllBytes(Path.Combine(folder, "index.json"), Encode(new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(manifest) }));
        File.WriteAllText(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
    }

    private JsonObject PlatformDescriptor()
    {
        var descriptor = Descriptor(ManifestType, Manifest);
        descriptor["platform"] = new JsonObject { ["architecture"] = Architecture, ["os"] = "linux" };
        return descriptor;
    }

    private static JsonObject Descriptor(string mediaType, byte[] content) =>
        new() { ["mediaType"] = mediaType, ["digest"] = Digest(content), ["size"] = content.Length };

    private static byte[] Encode(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());
}

using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Berth.Cli.Up;

/// <summary>
/// An image made on the spot from the machine's busybox, as an OCI image layout
/// (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md), so that a demo fetches nothing.
/// </summary>
public static class SampleImage
{
    /// <summary>What the image is called.</summary>
    public const string Name = "localhost/berth/sample:latest";

    /// <summary>Writes the layout into a folder, which is made.</summary>
    public static async Task WriteAsync(string folder, string busyboxPath, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.Combine(folder, "blobs", "sha256"));
        using var tar = new MemoryStream();
        await BusyboxLayer.WriteAsync(tar, busyboxPath, cancellationToken);
        var diffId = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(tar.GetBuffer().AsSpan(0, (int)tar.Length)));

        var layer = await WriteBlobAsync(folder, "application/vnd.oci.image.layer.v1.tar+gzip", Compress(tar), cancellationToken);
        var config = await WriteBlobAsync(folder, "application/vnd.oci.image.config.v1+json", Config(diffId), cancellationToken);
        var manifest = await WriteBlobAsync(folder, "application/vnd.oci.image.manifest.v1+json", Manifest(config, layer), cancellationToken);
        manifest["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = Name };

        await File.WriteAllTextAsync(Path.Combine(folder, "index.json"), new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(manifest) }.ToJsonString(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""", cancellationToken);
    }

    private static byte[] Config(string diffId) => Encode(new JsonObject
    {
        ["architecture"] = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64",
        ["os"] = "linux",
        ["created"] = "1970-01-01T00:00:00Z",
        ["config"] = new JsonObject
        {
            ["Env"] = new JsonArray("PATH=/bin"),
            ["Cmd"] = new JsonArray("/bin/sh"),
            ["WorkingDir"] = "/",
        },
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(diffId) },
    });

    private static byte[] Manifest(JsonObject config, JsonObject layer) => Encode(new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
        ["config"] = config,
        ["layers"] = new JsonArray(layer),
    });

    private static byte[] Encode(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private static byte[] Compress(MemoryStream tar)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(tar.GetBuffer().AsSpan(0, (int)tar.Length));
        }

        return compressed.ToArray();
    }

    private static async Task<JsonObject> WriteBlobAsync(string folder, string mediaType, byte[] content, CancellationToken cancellationToken)
    {
        var hex = Convert.ToHexStringLower(SHA256.HashData(content));
        await File.WriteAllBytesAsync(Path.Combine(folder, "blobs", "sha256", hex), content, cancellationToken);
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = "sha256:" + hex, ["size"] = content.Length };
    }
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Plugins.Signatures;

/// <summary>
/// <c>plugin.sig</c>, beside plugin.json: ECDSA on P-256 over the digest of all other files of the folder, with their names and
/// executable bits. Whoever changes, adds or removes one has to sign anew.
/// </summary>
public sealed record PluginSignature
{
    /// <summary>The file's name.</summary>
    public const string FileName = "plugin.sig";

    private const int LargestBytes = 4096;

    // Says what is signed, so that a signature for something else never passes for this.
    private const string Statement = "berth plugin folder, version 1\n";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>Of the form of this file.</summary>
    public required int Version { get; init; }

    /// <summary>The SHA-256 of the public key, see <see cref="SigningKey.Fingerprint"/>.</summary>
    public required string Key { get; init; }

    /// <summary>The SHA-256 of the folder without this file.</summary>
    public required string Digest { get; init; }

    /// <summary>DER, as openssl has it.</summary>
    public required byte[] Signature { get; init; }

    /// <summary>The digest that a signature is over.</summary>
    /// <exception cref="PluginRejectedException">The folder is too large.</exception>
    public static string DigestOf(string folder) => FolderDigest.Of(folder, except: FileName);

    /// <summary>Signs a folder's digest.</summary>
    public static PluginSignature Sign(string digest, ECDsa key) => new()
    {
        Version = 1,
        Key = SigningKey.Fingerprint(key.ExportSubjectPublicKeyInfo()),
        Digest = digest,
        Signature = key.SignData(Bytes(digest), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
    };

    /// <summary>Of a folder; null if it has none.</summary>
    /// <exception cref="PluginRejectedException">The file is no signature.</exception>
    public static PluginSignature? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            var signature = new FileInfo(path).Length <= LargestBytes
                ? JsonSerializer.Deserialize<PluginSignature>(File.ReadAllBytes(path), Json) ?? throw new JsonException("it is null")
                : throw new JsonException($"it has more than {LargestBytes} bytes");
            return signature.Version == 1 ? signature : throw new JsonException($"version {signature.Version} is not known here");
        }
        catch (JsonException e)
        {
            throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Signature, $"{FileName} is no signature: {e.Message}", e);
        }
    }

    /// <summary>As the file has it.</summary>
    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, Json), (byte)'\n'];

    /// <summary>Whether the key's owner has signed the digest.</summary>
    public bool IsBy(byte[] publicKey)
    {
        using var key = SigningKey.Import(publicKey);
        return key.VerifyData(Bytes(Digest), Signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    private static byte[] Bytes(string digest) => Encoding.ASCII.GetBytes(Statement + digest);
}

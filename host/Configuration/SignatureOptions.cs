using System.Security.Cryptography;

namespace Berth.Configuration;

/// <summary>Whose plugins are taken; those that came with Berth always are.</summary>
public sealed record SignatureOptions
{
    /// <summary>Plugins without a signature of a listed key are taken too.</summary>
    public bool AllowUnsigned { get; init; }

    /// <summary>The keys whose signatures count, by the name under which the operator knows their owners.</summary>
    public IReadOnlyDictionary<string, TrustedKey> Keys { get; init; } = new Dictionary<string, TrustedKey>();
}

/// <summary>A public key on the curve P-256.</summary>
/// <param name="PublicKey">As SubjectPublicKeyInfo.</param>
/// <param name="NotAfter">When it ends; null for never.</param>
public sealed record TrustedKey(byte[] PublicKey, DateTimeOffset? NotAfter)
{
    private const int P256Bits = 256;

    /// <summary>The plugins that its owner may sign, by id; empty is every one.</summary>
    public IReadOnlyList<string> Plugins { get; init; } = [];

    /// <exception cref="CryptographicException">It is none on P-256.</exception>
    public static ECDsa Import(byte[] publicKey)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(publicKey, out var read);
            return read == publicKey.Length && IsP256(key) ? key : throw new CryptographicException("it is not a key on the curve P-256 (prime256v1)");
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Not one of the other curves of that length.</summary>
    public static bool IsP256(ECDsa key) => key.KeySize == P256Bits && key.ExportParameters(includePrivateParameters: false).Curve.Oid is { } curve
        && (curve.Value == ECCurve.NamedCurves.nistP256.Oid.Value || curve.FriendlyName == ECCurve.NamedCurves.nistP256.Oid.FriendlyName);
}

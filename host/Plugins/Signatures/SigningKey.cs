using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;

namespace Berth.Plugins.Signatures;

/// <summary>Keys on the curve P-256: private ones in PEM files, public ones as a line of plugins.json.</summary>
public static class SigningKey
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int LargestBytes = 16 << 10;

    /// <summary>What names a public key: the SHA-256 of its SubjectPublicKeyInfo.</summary>
    public static string Fingerprint(byte[] publicKey) => Convert.ToHexStringLower(SHA256.HashData(publicKey));

    /// <summary>A public key.</summary>
    /// <exception cref="CryptographicException">It is none on P-256.</exception>
    public static ECDsa Import(byte[] publicKey) => TrustedKey.Import(publicKey);

    /// <summary>Makes a key pair and writes the private key into a file that only its owner can read.</summary>
    /// <returns>The public key.</returns>
    /// <exception cref="RuntimeException">The file is there already.</exception>
    public static byte[] Create(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
            using var text = new StreamWriter(file);
            text.WriteLine(key.ExportPkcs8PrivateKeyPem());
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new RuntimeException(RuntimeErrorCode.AlreadyExists, $"{path} is there already: a key is never overwritten");
        }

        return key.ExportSubjectPublicKeyInfo();
    }

    /// <summary>Reads a private key, of <c>berth plugin keygen</c> or of openssl.</summary>
    /// <exception cref="RuntimeException">It is none, or others than its owner can read it.</exception>
    public static ECDsa ReadPrivate(string path)
    {
        if (FileStatus.Find(path) is not { Kind: FileKind.Regular } status)
        {
            throw RuntimeException.NotFound($"there is no key file {path}; `berth plugin keygen` makes one");
        }

        const int GroupOrOthers = 0x3F;
        if ((status.Mode & GroupOrOthers) != 0)
        {
            throw RuntimeException.FailedPrecondition($"the private key {path} can be read by others than its owner; run chmod 600 on it");
        }

        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(status.SizeBytes <= LargestBytes ? File.ReadAllText(path) : throw new ArgumentException($"it has more than {LargestBytes} bytes"));
            // A public key alone can be imported too, and cannot sign.
            _ = key.SignData([0], HashAlgorithmName.SHA256);
            return TrustedKey.IsP256(key) ? key : throw new ArgumentException("its curve is not P-256 (prime256v1)");
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw RuntimeException.InvalidArgument($"{path} is no private key on the curve P-256 in PEM form without a passphrase: {e.Message}");
        }
    }
}

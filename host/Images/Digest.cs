using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Berth.Images;

/// <summary>The name of content by its hash: <c>sha256:</c> or <c>sha512:</c> and lower-case hex digits, nothing else.</summary>
public readonly record struct Digest
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private Digest(string value) => Value = value;

    /// <summary>The whole text.</summary>
    public string Value { get; }

    /// <summary>The part after the colon.</summary>
    public string Hex => Value[7..];

    internal HashAlgorithmName Algorithm => Value[3] == '2' ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;

    /// <summary>Takes only the exact form, so that a digest can never be a path or another name of the same content.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        var length = text is null ? 0
            : text.StartsWith("sha256:", StringComparison.Ordinal) ? 7 + 64
            : text.StartsWith("sha512:", StringComparison.Ordinal) ? 7 + 128 : 0;
        var valid = length > 0 && text!.Length == length && !text.AsSpan(7).ContainsAnyExcept(HexDigits);
        digest = valid ? new(text!) : default;
        return valid;
    }

    /// <summary>The SHA-256 of some content.</summary>
    public static Digest Of(ReadOnlySpan<byte> content) => FromHash(HashAlgorithmName.SHA256, SHA256.HashData(content));

    /// <inheritdoc/>
    public override string ToString() => Value;

    internal static Digest FromHash(HashAlgorithmName algorithm, ReadOnlySpan<byte> hash) =>
        new((algorithm == HashAlgorithmName.SHA256 ? "sha256:" : "sha512:") + Convert.ToHexStringLower(hash));

    /// <summary>Whether the content is what the digest names.</summary>
    internal bool Matches(ReadOnlySpan<byte> content) => FromHash(Algorithm, CryptographicOperations.HashData(Algorithm, content)) == this;
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Images.Registries;

/// <summary>What proves to a registry who asks. Its text form shows nothing of it.</summary>
public sealed record RegistryCredentials
{
    public string Username { get; init; } = "";

    public string Password { get; init; } = "";

    /// <summary>Base64 of <c>user:password</c>.</summary>
    public string Auth { get; init; } = "";

    /// <summary>The registry that they are for; empty for the image's.</summary>
    public string ServerAddress { get; init; } = "";

    /// <summary>An OAuth2 refresh token.</summary>
    public string IdentityToken { get; init; } = "";

    /// <summary>A bearer token for the registry itself.</summary>
    public string RegistryToken { get; init; } = "";

    /// <summary>Whether there is nothing in it.</summary>
    internal bool IsEmpty => (Username.Length | Password.Length | Auth.Length | IdentityToken.Length | RegistryToken.Length) == 0;

    /// <inheritdoc/>
    public override string ToString() => nameof(RegistryCredentials);

    /// <summary>Tells equal pulls from others without keeping the secret.</summary>
    internal string Fingerprint() =>
        Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new[] { Username, Password, Auth, ServerAddress, IdentityToken, RegistryToken })));

    /// <summary>The value of a Basic authorisation, or null.</summary>
    internal string? Basic()
    {
        if (Username.Length > 0 || Password.Length > 0)
        {
            return Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{Password}"));
        }

        if (Auth.Length == 0)
        {
            return null;
        }

        // Some tools leave NUL bytes at the end.
        var decoded = new byte[Auth.Length];
        return Convert.TryFromBase64String(Auth, decoded, out var length) && decoded.AsSpan(0, length).Contains((byte)':')
            ? Convert.ToBase64String(decoded.AsSpan(0, length).TrimEnd((byte)0))
            : throw RuntimeException.InvalidArgument("the 'auth' of the registry credentials is not base64 of user:password");
    }
}

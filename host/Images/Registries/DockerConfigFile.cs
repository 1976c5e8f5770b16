using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Images.Registries;

/// <summary>Credentials from a docker config.json; read anew for each pull, so that a rotated secret counts at once.</summary>
internal static class DockerConfigFile
{
    private const int LargestFileBytes = 1024 * 1024;

    /// <summary>The credentials for a registry's host, or null.</summary>
    public static RegistryCredentials? Find(string path, string registry)
    {
        if (path.Length == 0)
        {
            return null;
        }

        var wanted = RegistryHostName.Normalise(registry);
        var entry = Read(path).Auths?.FirstOrDefault(a => RegistryHostName.Normalise(a.Key) == wanted).Value;
        return entry is null ? null : new()
        {
            Username = entry.Username ?? "",
            Password = entry.Password ?? "",
            Auth = entry.Auth ?? "",
            IdentityToken = entry.IdentityToken ?? "",
            RegistryToken = entry.RegistryToken ?? "",
            ServerAddress = registry,
        };
    }

    private static DockerConfigContent Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return file.Length <= LargestFileBytes
                ? JsonSerializer.Deserialize(file, DockerConfigJson.Default.DockerConfigContent) ?? new()
                : throw RuntimeException.FailedPrecondition($"images.authFile {path} is larger than 1 MiB");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"images.authFile {path} cannot be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            // The parser's message may quote the secret: only the place is told.
            throw RuntimeException.FailedPrecondition($"images.authFile {path} is no docker config.json (line {e.LineNumber + 1})");
        }
    }
}

internal sealed record DockerConfigContent
{
    public Dictionary<string, DockerAuthEntry>? Auths { get; init; }
}

internal sealed record DockerAuthEntry
{
    public string? Username { get; init; }

    public string? Password { get; init; }

    public string? Auth { get; init; }

    public string? IdentityToken { get; init; }

    public string? RegistryToken { get; init; }
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true, AllowTrailingCommas = true)]
[JsonSerializable(typeof(DockerConfigContent))]
internal sealed partial class DockerConfigJson : JsonSerializerContext;

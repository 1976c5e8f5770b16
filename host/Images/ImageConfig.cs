using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Abstractions;

namespace Berth.Images;

/// <summary>
/// What an image's configuration says to whoever runs it (OCI image specification, config.md). All of it is the image
/// author's word: labels and variables are never ours.
/// </summary>
public sealed record ImageConfig
{
    public string Architecture { get; init; } = "";

    public string Os { get; init; } = "";

    public string User { get; init; } = "";

    public IReadOnlyList<string> Env { get; init; } = [];

    public IReadOnlyList<string> Entrypoint { get; init; } = [];

    public IReadOnlyList<string> Cmd { get; init; } = [];

    public string WorkingDir { get; init; } = "";

    public string StopSignal { get; init; } = "";

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Paths of anonymous volumes.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];

    /// <summary>The digests of the layers as plain tar archives, lowest first.</summary>
    internal IReadOnlyList<Digest> DiffIds { get; init; } = [];

    /// <summary>Reads a configuration.</summary>
    /// <param name="json">Its bytes.</param>
    /// <param name="image">The image's name for messages.</param>
    /// <exception cref="RuntimeException">It is malformed: InvalidArgument.</exception>
    internal static ImageConfig Parse(ReadOnlySpan<byte> json, string image)
    {
        try
        {
            var file = JsonSerializer.Deserialize(json, ImageConfigJson.Default.ImageConfigFile) ?? new();
            return From(file, image);
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"image {image}: its configuration is malformed: {e.Message}; build it again", e);
        }
    }

    private static ImageConfig From(ImageConfigFile file, string image)
    {
        var run = file.Config ?? new();
        var config = new ImageConfig
        {
            Architecture = file.Architecture ?? "",
            Os = file.Os ?? "",
            User = run.User ?? "",
            Env = run.Env ?? [],
            Entrypoint = run.Entrypoint ?? [],
            Cmd = run.Cmd ?? [],
            WorkingDir = run.WorkingDir ?? "",
            StopSignal = run.StopSignal ?? "",
            Labels = run.Labels ?? [],
            Volumes = run.Volumes is null ? [] : [.. run.Volumes.Keys],
            DiffIds = [.. (file.RootFs?.DiffIds ?? []).Select(d => ParseDiffId(d, image))],
        };
        ImageUser.Parse(config.User, image);
        return config;
    }

    private static Digest ParseDiffId(string text, string image) =>
        Digest.TryParse(text, out var digest) ? digest
            : throw RuntimeException.InvalidArgument($"image {image}: its configuration names a layer by '{text}', which is no digest; build it again");
}

internal sealed record ImageConfigFile
{
    public string? Architecture { get; init; }

    public string? Os { get; init; }

    public ImageRunConfigFile? Config { get; init; }

    [JsonPropertyName("rootfs")]
    public ImageRootFsFile? RootFs { get; init; }
}

internal sealed record ImageRunConfigFile
{
    public string? User { get; init; }

    public List<string>? Env { get; init; }

    public List<string>? Entrypoint { get; init; }

    public List<string>? Cmd { get; init; }

    public string? WorkingDir { get; init; }

    public string? StopSignal { get; init; }

    public Dictionary<string, string>? Labels { get; init; }

    public Dictionary<string, JsonElement>? Volumes { get; init; }
}

internal sealed record ImageRootFsFile
{
    [JsonPropertyName("diff_ids")]
    public List<string>? DiffIds { get; init; }
}

// Go, in which most builders are written, matches names without regard to case.
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true, AllowDuplicateProperties = false, MaxDepth = 32)]
[JsonSerializable(typeof(ImageConfigFile))]
internal sealed partial class ImageConfigJson : JsonSerializerContext;

namespace Berth.Containers;

/// <summary>What an ImageSpec says beside the image's name.</summary>
public sealed record ImageDetails
{
    /// <summary>The name that the user wrote; empty if not given.</summary>
    public string UserSpecifiedImage { get; init; } = "";

    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>The handler that it is meant for; empty for none.</summary>
    public string RuntimeHandler { get; init; } = "";

    /// <summary>Which image exactly it is; empty if not given.</summary>
    public string Reference { get; init; } = "";
}

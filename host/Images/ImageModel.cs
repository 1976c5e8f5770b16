namespace Berth.Images;

/// <summary>An image that is stored, whole; a snapshot that never changes.</summary>
public sealed record ImageModel
{
    /// <summary>The digest of its configuration.</summary>
    public required string Id { get; init; }

    /// <summary><c>repository:tag</c>, in full form.</summary>
    public IReadOnlyList<string> RepoTags { get; init; } = [];

    /// <summary><c>repository@digest</c>, in full form.</summary>
    public IReadOnlyList<string> RepoDigests { get; init; } = [];

    /// <summary>What it takes unpacked; layers that other images share count in full.</summary>
    public required long SizeBytes { get; init; }

    public required ImageConfig Config { get; init; }

    /// <summary>The user's number, if the configuration names a number.</summary>
    public uint? Uid => ImageUser.Parse(Config.User, Id).Uid;

    /// <summary>The user's name, if the configuration names one; empty for none.</summary>
    public string Username => ImageUser.Parse(Config.User, Id).Username;

    /// <summary>The layers, lowest first.</summary>
    public required IReadOnlyList<long> LayerIds { get; init; }

    /// <summary>Kubelets leave it alone when they collect garbage.</summary>
    public bool Pinned { get; init; }

    /// <summary>The name that containers report for it: by digest where there is one.</summary>
    public string Reference => RepoDigests.Count > 0 ? RepoDigests[0] : Id;
}

using Berth.Abstractions;

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

    /// <summary>Kubelets leave it alone when they collect garbage, and nobody removes it.</summary>
    public bool Pinned { get; init; }

    /// <summary>What the last pull of it was asked with.</summary>
    public PulledFor Asked { get; init; } = PulledFor.Nothing;

    /// <summary>The name that containers report for it: by digest where there is one.</summary>
    public string Reference => RepoDigests.Count > 0 ? RepoDigests[0] : Id;

    /// <summary>Refuses a request that says of its image, beside the name, that it is another one; an empty reference says nothing.</summary>
    public void DemandReference(string reference, string field)
    {
        if (reference.Length > 0 && reference != Id && $"sha256:{reference}" != Id && !RepoDigests.Contains(reference) && !RepoTags.Contains(reference))
        {
            throw RuntimeException.InvalidArgument($"{field} is \"{reference}\", but the image that the request names is {Reference} ({Id}); leave it out, or give that");
        }
    }
}

/// <summary>The rest of a pull's ImageSpec: kept and shown, for nothing here depends on it.</summary>
/// <param name="Annotations">Of the ImageSpec.</param>
/// <param name="RuntimeHandler">The handler that the image is meant for. One copy serves them all.</param>
public sealed record PulledFor(IReadOnlyDictionary<string, string> Annotations, string RuntimeHandler)
{
    public static PulledFor Nothing { get; } = new(new Dictionary<string, string>(), "");

    public bool IsSame(PulledFor other) =>
        RuntimeHandler == other.RuntimeHandler
        && Annotations.Count == other.Annotations.Count
        && Annotations.All(a => other.Annotations.TryGetValue(a.Key, out var value) && value == a.Value);
}

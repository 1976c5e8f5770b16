using Berth.Images.Layers;

namespace Berth.Images.Archives;

/// <summary>An image that was found in an archive.</summary>
internal sealed record ArchivedImage
{
    public required byte[] Config { get; init; }

    /// <summary>Empty where the archive has none.</summary>
    public byte[] Manifest { get; init; } = [];

    public Digest? ManifestDigest { get; init; }

    /// <summary>Lowest first.</summary>
    public required IReadOnlyList<LayerBlob> Layers { get; init; }

    /// <summary>The layers' files in the archive, in the same order.</summary>
    public required IReadOnlyList<string> LayerPaths { get; init; }

    public required IReadOnlyList<ImageReference> Names { get; init; }
}

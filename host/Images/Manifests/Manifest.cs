namespace Berth.Images.Manifests;

/// <summary>A manifest of one image, or an index of several.</summary>
internal abstract record ManifestDocument;

/// <summary>Names content: its type, digest and length.</summary>
internal sealed record Descriptor(string MediaType, Digest Digest, long SizeBytes);

/// <summary>One image.</summary>
internal sealed record Manifest(Descriptor Config, IReadOnlyList<Descriptor> Layers) : ManifestDocument;

/// <summary>Images for several platforms.</summary>
internal sealed record ManifestIndex(IReadOnlyList<ManifestIndexEntry> Entries) : ManifestDocument;

/// <summary>One image of an index, or an index within it.</summary>
internal sealed record ManifestIndexEntry(Descriptor Descriptor, Platform? Platform, IReadOnlyDictionary<string, string> Annotations);

/// <summary>What an image runs on, in Go's words.</summary>
internal sealed record Platform(string Os, string Architecture, string Variant)
{
    public override string ToString() => Variant.Length == 0 ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}

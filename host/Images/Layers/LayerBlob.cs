namespace Berth.Images.Layers;

/// <summary>A layer to be had.</summary>
/// <param name="Digest">Of the bytes as they are stored; null in archives that do not say.</param>
/// <param name="SizeBytes">Of the same; negative if not known.</param>
/// <param name="DiffId">Of the plain tar archive.</param>
/// <param name="ChainId">Names the layer on top of all below it (OCI image specification, config.md, "Layer ChainID").</param>
internal sealed record LayerBlob(Digest? Digest, long SizeBytes, Digest DiffId, Digest ChainId)
{
    /// <summary>The name for messages.</summary>
    public string Name => (Digest ?? DiffId).Value;

    /// <summary>The chain ids that belong to the diff ids, lowest first.</summary>
    public static IReadOnlyList<Digest> Chain(IReadOnlyList<Digest> diffIds)
    {
        var chain = new List<Digest>(diffIds.Count);
        foreach (var diffId in diffIds)
        {
            chain.Add(chain.Count == 0 ? diffId : Images.Digest.Of(System.Text.Encoding.ASCII.GetBytes($"{chain[^1]} {diffId}")));
        }

        return chain;
    }
}

/// <summary>Where layers come from: a registry, or an archive.</summary>
internal interface IBlobSource
{
    /// <summary>The bytes as they are stored; whoever reads them checks them.</summary>
    Task<Stream> OpenBlobAsync(LayerBlob blob, CancellationToken cancellationToken);
}

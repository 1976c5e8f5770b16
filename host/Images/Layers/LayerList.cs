using Berth.Abstractions;
using Berth.Images.Manifests;

namespace Berth.Images.Layers;

/// <summary>Puts a manifest's layers together with what the configuration says that they unpack to.</summary>
internal static class LayerList
{
    /// <exception cref="RuntimeException">They are not the same number: InvalidArgument.</exception>
    public static IReadOnlyList<LayerBlob> Match(IReadOnlyList<Descriptor> layers, ImageConfig config, string image)
    {
        if (layers.Count != config.DiffIds.Count)
        {
            throw RuntimeException.InvalidArgument(
                $"image {image}: its manifest has {layers.Count} layers, but its configuration {config.DiffIds.Count}; build it again");
        }

        var chain = LayerBlob.Chain(config.DiffIds);
        return [.. layers.Select((layer, i) => new LayerBlob(layer.Digest, layer.SizeBytes, config.DiffIds[i], chain[i]))];
    }
}

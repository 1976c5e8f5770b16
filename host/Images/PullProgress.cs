using Berth.Images.Layers;

namespace Berth.Images;

/// <summary>How far a pull is; read while others write it.</summary>
public sealed class PullProgress
{
    private volatile IReadOnlyList<LayerProgress> _layers = [];

    /// <summary>Lowest first; empty until the manifest is here.</summary>
    public IReadOnlyList<LayerProgress> Layers => _layers;

    internal void Expect(IReadOnlyList<LayerBlob> blobs) => _layers = [.. blobs.DistinctBy(static b => b.Name).Select(static b => new LayerProgress(b.Name, b.SizeBytes))];

    internal LayerProgress? Of(Digest digest) => _layers.FirstOrDefault(l => l.Digest == digest.Value);
}

/// <summary>One layer of a pull.</summary>
/// <param name="digest">Its name in the registry.</param>
/// <param name="sizeBytes">As the registry stores it.</param>
public sealed class LayerProgress(string digest, long sizeBytes)
{
    private long _received;
    private volatile string _host = "";

    public string Digest => digest;

    public long SizeBytes => sizeBytes;

    /// <summary>Bytes that came over the network; none of a layer that was here already.</summary>
    public long ReceivedBytes => Interlocked.Read(ref _received);

    /// <summary>Where they come from; empty before the first.</summary>
    public string Host => _host;

    internal void Reached(long position, string host)
    {
        _host = host;
        Interlocked.Exchange(ref _received, position);
    }
}

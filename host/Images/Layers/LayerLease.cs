namespace Berth.Images.Layers;

/// <summary>Layers that nobody may remove until an image's row holds them.</summary>
internal sealed class LayerLease(Action release) : IDisposable
{
    private Action? _release = release;

    /// <summary>The topmost; null for an image without layers.</summary>
    public StoredLayer? Top { get; set; }

    /// <summary>The layers' numbers, lowest first.</summary>
    public IReadOnlyList<long> Ids => Top is null ? [] : [.. Top.Downwards().Select(static l => l.Id).Reverse()];

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

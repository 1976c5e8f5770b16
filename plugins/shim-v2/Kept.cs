namespace Berth.Plugins.ShimV2;

/// <summary>Disposes of an object at the end of a block, unless somebody has taken it.</summary>
internal sealed class Kept<T>(T value) : IDisposable
    where T : class, IDisposable
{
    private T? _value = value;

    public T Take() => Interlocked.Exchange(ref _value, null) ?? throw new InvalidOperationException("it was taken");

    public void Dispose() => Interlocked.Exchange(ref _value, null)?.Dispose();
}

namespace Berth.Images.Layers;

/// <summary>Bounds what a layer can make us remember: paths of folders, and of links whose target is missing.</summary>
internal sealed class MemoryBudget
{
    private const long MostBytes = 128L * 1024 * 1024;
    private const int ObjectBytes = 96;

    private long _bytes;

    public void Charge(int bytes)
    {
        _bytes += bytes + ObjectBytes;
        if (_bytes > MostBytes)
        {
            throw new InvalidDataException("the layer has too many folders and links");
        }
    }
}

using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;

namespace Berth.Linux;

/// <summary>
/// A file in memory (mmap(2), MAP_SHARED): writing to it is no system call, and what is written is in the file however this process
/// ends. It stays mapped until then, as calls that hang may write to it at any time.
/// </summary>
public sealed unsafe class SharedPage
{
    private readonly byte* _start;

    private SharedPage(byte* start, int length)
    {
        _start = start;
        Length = length;
    }

    public int Length { get; }

    /// <summary>Makes the file anew, full of zeros; one that is there loses its name, not its content.</summary>
    public static SharedPage Create(string path, int length)
    {
        File.Delete(path);
        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.CreateNew, mapName: null, length);
        var view = file.CreateViewAccessor();
        byte* start = null; // acquired and never released: that holds the mapping
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return new(start + view.PointerOffset, length);
    }

    /// <summary>Bytes from an offset on.</summary>
    public Span<byte> Bytes(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        return new(_start + offset, length);
    }

    /// <summary>Adds to a number of four bytes, at once for all threads.</summary>
    public void Add(int offset, int value) => Interlocked.Add(ref Unsafe.As<byte, int>(ref Bytes(offset, sizeof(int))[0]), value);
}

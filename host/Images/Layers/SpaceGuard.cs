using System.Globalization;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Images.Layers;

/// <summary>Stops an unpacking before it fills the disk: a layer of some megabytes can unpack to any size.</summary>
internal sealed class SpaceGuard(string folder)
{
    private const long CheckEveryBytes = 32L * 1024 * 1024;
    private const int CheckEveryEntries = 2048;
    private const long MostEntries = 10_000_000;
    private const long SmallestReserve = 256L * 1024 * 1024, LargestReserve = 4L * 1024 * 1024 * 1024;

    private long _bytes, _entries;

    public void ChargeBytes(int count)
    {
        _bytes += count;
        if (_bytes >= CheckEveryBytes)
        {
            _bytes = 0;
            Check();
        }
    }

    public void ChargeEntry()
    {
        if (++_entries > MostEntries)
        {
            throw new RuntimeException(RuntimeErrorCode.ResourceExhausted, $"the layer has more than {MostEntries} entries");
        }

        if (_entries % CheckEveryEntries == 0)
        {
            Check();
        }
    }

    /// <summary>Fails if the file system has less left than it must keep: a twentieth, 256 MiB at least and 4 GiB at most; 1 % of the inodes.</summary>
    public void Check()
    {
        var space = FileSystemSpace.Of(folder);
        var reserve = Math.Clamp(space.TotalBytes / 20, SmallestReserve, LargestReserve);
        if (space.AvailableBytes < reserve)
        {
            throw new RuntimeException(
                RuntimeErrorCode.ResourceExhausted,
                string.Create(CultureInfo.InvariantCulture, $"the image store in {folder} has {space.AvailableBytes >> 20} MiB left and keeps {reserve >> 20} MiB; free space or remove images"));
        }

        if (space.TotalInodes > 0 && space.AvailableInodes < space.TotalInodes / 100)
        {
            throw new RuntimeException(
                RuntimeErrorCode.ResourceExhausted, $"the image store in {folder} has {space.AvailableInodes} inodes left; remove images");
        }
    }
}

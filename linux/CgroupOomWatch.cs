using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>
/// Kills for lack of memory in a cgroup of version 1 that somebody else removes as soon as its last process has ended: the count goes
/// with it, and no parent has it. The kernel adds one to an eventfd for each, and one for the removal
/// (Documentation/admin-guide/cgroup-v1/memory.rst), so two tell of a kill though the cgroup is gone.
/// </summary>
public sealed class CgroupOomWatch : IDisposable
{
    // The kernel tells of a kill at once, and of a removal a moment later.
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly CgroupOomKills _kills;
    private readonly string _path;
    private readonly SafeFd _events;
    private ulong _seen;

    private CgroupOomWatch(CgroupOomKills kills, string path, SafeFd events) => (_kills, _path, _events) = (kills, path, events);

    /// <summary>Whether this machine counts so that a watch is needed.</summary>
    public static bool IsNeeded(CgroupLayout layout) => layout.Find("memory") is { IsV2: false };

    /// <summary>Begins; null if the cgroup is not there, or this kernel does not tell.</summary>
    public static CgroupOomWatch? TryBegin(CgroupLayout layout, string path)
    {
        if (layout.Find("memory") is not { IsV2: false } hierarchy || !Directory.Exists(hierarchy.Folder(path)))
        {
            return null;
        }

        var fd = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        var events = fd >= 0 ? new SafeFd(fd) : throw LinuxException.Last("eventfd", "");
        try
        {
            using var control = SafeFd.OpenRead(hierarchy.Folder(path) + "/memory.oom_control");
            using var register = SafeFd.OpenWrite(hierarchy.Folder(path) + "/cgroup.event_control");
            register.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{events.Number} {control.Number}")));
            return new(new(layout), path, events);
        }
        catch (LinuxException)
        {
            // It was removed meanwhile, or the kernel was built without.
            events.Dispose();
            return null;
        }
    }

    /// <summary>Whether the kernel killed in it; to be asked when its processes have ended.</summary>
    public async Task<bool> WasOutOfMemoryAsync(TimeProvider clock, CancellationToken cancellationToken)
    {
        if (_kills.In(_path) is { } count)
        {
            return count > 0;
        }

        // One alone is either.
        for (var start = clock.GetTimestamp(); Count() == 1 && clock.GetElapsedTime(start) < RemovalTime;)
        {
            await Task.Delay(Pause, clock, cancellationToken).ConfigureAwait(false);
        }

        return _seen > 1;
    }

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    // A read takes the counter back to zero; see eventfd(2).
    private ulong Count()
    {
        Span<byte> counter = stackalloc byte[sizeof(ulong)];
        _seen += _events.Read(counter) is sizeof(ulong) ? BitConverter.ToUInt64(counter) : 0;
        return _seen;
    }
}

using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// Waits for reads on any number of descriptors with epoll(7), for a program of one thread. <see cref="Poller"/> is the same for
/// programs with tasks.
/// </summary>
public sealed unsafe class EpollSet : IDisposable
{
    private const int MaxEvents = 64;
    private readonly SafeFd _epoll;

    /// <summary>Creates an empty set.</summary>
    public EpollSet()
    {
        var fd = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        _epoll = fd >= 0 ? new(fd) : throw LinuxException.Last("epoll_create1", "");
    }

    /// <summary>Adds a descriptor; it leaves the set when it is closed.</summary>
    public void Add(SafeFd fd, ulong key)
    {
        var registration = new EpollEvent { Events = Libc.EPOLLIN, Key = key };
        if (Libc.epoll_ctl(_epoll.Number, Libc.EPOLL_CTL_ADD, fd.Number, &registration) != 0)
        {
            throw LinuxException.Last("epoll_ctl", $"fd {fd.Number}");
        }
    }

    /// <summary>Waits until at least one read would not, and gives the keys of all such descriptors.</summary>
    public int Wait(Span<ulong> keys)
    {
        var events = stackalloc EpollEvent[MaxEvents];
        while (true)
        {
            var count = Libc.epoll_wait(_epoll.Number, events, Math.Min(keys.Length, MaxEvents), -1);
            if (count < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR)
            {
                continue;
            }

            for (var i = 0; i < count; i++)
            {
                keys[i] = events[i].Key;
            }

            return count >= 0 ? count : throw LinuxException.Last("epoll_wait", "");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _epoll.Dispose();
}

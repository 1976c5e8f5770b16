using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// Waits for reads and writes on any number of descriptors with epoll(7), for a program of one thread. <see cref="Poller"/> is the same for
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

    /// <summary>Adds a descriptor to read from; it leaves the set when it is closed.</summary>
    public void Add(SafeFd fd, ulong key) => Control(Libc.EPOLL_CTL_ADD, fd, new() { Events = Libc.EPOLLIN, Key = key });

    /// <summary>Waits for writes instead of reads from now on, or the other way round.</summary>
    public void Turn(SafeFd fd, ulong key, bool toWriting) => Control(Libc.EPOLL_CTL_MOD, fd, new() { Events = toWriting ? Libc.EPOLLOUT : Libc.EPOLLIN, Key = key });

    /// <summary>Takes a descriptor out that stays open.</summary>
    public void Remove(SafeFd fd) => Control(Libc.EPOLL_CTL_DEL, fd, default);

    /// <summary>Waits until at least one read, or write, would not, and gives the keys of all such descriptors.</summary>
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

    private void Control(int operation, SafeFd fd, EpollEvent registration)
    {
        if (Libc.epoll_ctl(_epoll.Number, operation, fd.Number, &registration) != 0)
        {
            throw LinuxException.Last("epoll_ctl", $"fd {fd.Number}");
        }
    }
}

using System.Collections.Concurrent;

namespace Berth.Linux;

/// <summary>
/// One thread that waits on any number of descriptors (pidfds, pipes, inotify) with epoll(7), so that no wait costs a
/// thread of its own. Each wait is registered once and leaves the set when it fires.
/// </summary>
public sealed class Poller
{
    private readonly int _epoll;
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _waits = new();
    private ulong _lastKey;

    private Poller()
    {
        _epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        if (_epoll < 0)
        {
            throw LinuxException.Last("epoll_create1", "");
        }

        new Thread(Loop, 256 * 1024) { IsBackground = true, Name = "berth-poller" }.Start();
    }

    /// <summary>The process's poller.</summary>
    public static Poller Shared { get; } = new();

    /// <summary>Completes when a read would not wait: data, end, or a pidfd whose process has ended. One wait per descriptor at a time.</summary>
    public Task ReadableAsync(SafeFd fd, CancellationToken cancellationToken) => WaitAsync(fd, Libc.EPOLLIN, cancellationToken);

    /// <summary>Completes when a write would not wait; a pipe then takes at least PIPE_BUF bytes (pipe(7)). One wait per descriptor at a time.</summary>
    public Task WritableAsync(SafeFd fd, CancellationToken cancellationToken) => WaitAsync(fd, Libc.EPOLLOUT, cancellationToken);

    /// <summary>Completes when both directions are at their end: the other end of a socket was closed (EPOLLHUP, which is always waited for).</summary>
    public Task HungUpAsync(SafeFd fd, CancellationToken cancellationToken) => WaitAsync(fd, 0, cancellationToken);

    private async Task WaitAsync(SafeFd fd, uint events, CancellationToken cancellationToken)
    {
        var key = Interlocked.Increment(ref _lastKey);
        var completion = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waits[key] = completion;
        var added = false;
        try
        {
            fd.DangerousAddRef(ref added);
            Register(fd, events, key);
            await completion.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _waits.TryRemove(key, out _);
            if (added)
            {
                Unregister(fd);
                fd.DangerousRelease();
            }
        }
    }

    private unsafe void Register(SafeFd fd, uint events, ulong key)
    {
        var registration = new EpollEvent { Events = events | Libc.EPOLLONESHOT, Key = key };
        if (Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_ADD, fd.Number, &registration) != 0)
        {
            throw LinuxException.Last("epoll_ctl", $"fd {fd.Number}");
        }
    }

    // Fails harmlessly if the registration never happened.
    private unsafe void Unregister(SafeFd fd) => _ = Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_DEL, fd.Number, null);

    private unsafe void Loop()
    {
        var events = stackalloc EpollEvent[64];
        while (true)
        {
            var count = Libc.epoll_wait(_epoll, events, 64, -1);
            for (var i = 0; i < count; i++)
            {
                if (_waits.TryGetValue(events[i].Key, out var wait))
                {
                    wait.TrySetResult();
                }
            }
        }
    }
}

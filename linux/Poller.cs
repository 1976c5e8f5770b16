using System.Collections.Concurrent;
using System.Runtime.Loader;

namespace Berth.Linux;

/// <summary>
/// One thread that waits on any number of descriptors (pidfds, pipes, inotify) with epoll(7), so that no wait costs a
/// thread of its own. Each wait is registered once and leaves the set when it fires.
/// <para>In a plugin's own copy of this library the thread ends once the plugin is unloaded and nothing waits any more: a thread
/// would keep the plugin in memory for ever, and an end before the last wait would leave a child that nobody reaps.</para>
/// </summary>
public sealed class Poller
{
    private const ulong WakeKey = 0;
    private readonly SafeFd _epoll;
    private readonly SafeFd _wake;
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _waits = new();
    private ulong _lastKey = WakeKey;
    private volatile bool _ending;

    private Poller()
    {
        _epoll = Opened(Libc.epoll_create1(Libc.EPOLL_CLOEXEC), "epoll_create1");
        _wake = Opened(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK), "eventfd");
        Register(_wake, Libc.EPOLLIN, WakeKey);
        if (AssemblyLoadContext.GetLoadContext(typeof(Poller).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += _ => End();
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

    private static SafeFd Opened(int fd, string call) => fd >= 0 ? new(fd) : throw LinuxException.Last(call, "");

    private void End()
    {
        _ending = true;
        Wake();
    }

    // Adds to the eventfd's counter, which makes it readable for good; see eventfd(2).
    private void Wake() => _wake.Write([1, 0, 0, 0, 0, 0, 0, 0]);

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

            if (_ending)
            {
                Wake();
            }
        }
    }

    private unsafe void Register(SafeFd fd, uint events, ulong key)
    {
        var registration = new EpollEvent { Events = key == WakeKey ? events | Libc.EPOLLET : events | Libc.EPOLLONESHOT, Key = key };
        if (Libc.epoll_ctl(_epoll.Number, Libc.EPOLL_CTL_ADD, fd.Number, &registration) != 0)
        {
            throw LinuxException.Last("epoll_ctl", $"fd {fd.Number}");
        }
    }

    // Fails harmlessly if the registration never happened.
    private unsafe void Unregister(SafeFd fd) => _ = Libc.epoll_ctl(_epoll.Number, Libc.EPOLL_CTL_DEL, fd.Number, null);

    private unsafe void Loop()
    {
        var events = stackalloc EpollEvent[64];
        while (!_ending || !_waits.IsEmpty)
        {
            var count = Libc.epoll_wait(_epoll.Number, events, 64, -1);
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

using System.Runtime.InteropServices;

namespace Berth.Guest.Agent;

/// <summary>
/// The agent's one thread: epoll(7), timers, and what the reaper hands over. Everything else runs in its callbacks, so nothing
/// is locked; a task is completed on it, and what awaits the task goes on at once.
/// </summary>
internal sealed unsafe class EventLoop
{
    private const int MaxEvents = 32;
    private readonly int _epoll = AgentException.Check(Libc.epoll_create1(Libc.EPOLL_CLOEXEC), "epoll_create1", "");
    private readonly Dictionary<int, Action<uint>> _watched = [];
    private readonly PriorityQueue<Action, long> _timers = new();

    /// <summary>Calls back while one of the events holds (or, with EPOLLET, when one begins).</summary>
    public void Watch(int fd, uint events, Action<uint> callback)
    {
        var operation = _watched.ContainsKey(fd) ? Libc.EPOLL_CTL_MOD : Libc.EPOLL_CTL_ADD;
        AgentException.Check(Control(operation, fd, events), "epoll_ctl", "");
        _watched[fd] = callback;
    }

    /// <summary>Ends that; must come before the descriptor is closed.</summary>
    public void Forget(int fd)
    {
        if (_watched.Remove(fd))
        {
            _ = Control(Libc.EPOLL_CTL_DEL, fd, 0);
        }
    }

    /// <summary>Calls back once, later.</summary>
    public void After(int milliseconds, Action callback) => _timers.Enqueue(callback, Environment.TickCount64 + milliseconds);

    /// <summary>Completes later.</summary>
    public Task Delay(int milliseconds)
    {
        var done = new TaskCompletionSource();
        After(milliseconds, done.SetResult);
        return done.Task;
    }

    /// <summary>Never returns.</summary>
    public void Run()
    {
        // struct epoll_event is packed on x86_64 alone: 12 bytes there, 16 elsewhere.
        var size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
        var events = stackalloc byte[MaxEvents * 16];
        while (true)
        {
            var count = Libc.epoll_wait(_epoll, events, MaxEvents, RunTimers());
            for (var i = 0; i < count; i++)
            {
                var happened = *(uint*)(events + (i * size));
                var fd = *(int*)(events + (i * size) + (size - 8));
                // Forgotten by a callback before it.
                if (_watched.TryGetValue(fd, out var callback))
                {
                    callback(happened);
                }
            }
        }
    }

    private int RunTimers()
    {
        while (_timers.TryPeek(out var callback, out var due))
        {
            var left = due - Environment.TickCount64;
            if (left > 0)
            {
                return (int)left;
            }

            _timers.Dequeue();
            callback();
        }

        return -1;
    }

    private int Control(int operation, int fd, uint events)
    {
        var buffer = stackalloc byte[16];
        var dataAt = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
        *(uint*)buffer = events;
        *(long*)(buffer + dataAt) = fd;
        return Libc.epoll_ctl(_epoll, operation, fd, buffer);
    }
}

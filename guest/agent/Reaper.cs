using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Berth.Guest.Agent;

/// <summary>
/// Waits for every process whose parent is gone or is the agent: the kernel's duty for process 1. A thread does that, not SIGCHLD:
/// threads of the language's runtime would take the signal. That runtime reaps nothing itself as long as nobody uses its own
/// process class or console.
/// </summary>
internal sealed unsafe class Reaper
{
    private readonly ConcurrentQueue<(int Pid, int Status)> _ended = new();
    private readonly Dictionary<int, Action<int>> _expected = [];
    private readonly Dictionary<int, int> _early = [];
    private readonly int _wake = AgentException.Check(Libc.eventfd(0, Libc.O_CLOEXEC | Libc.O_NONBLOCK), "eventfd", "");
    private readonly int _started = AgentException.Check(Libc.eventfd(0, Libc.O_CLOEXEC), "eventfd", "");
    private readonly LostDeaths _lost;
    private int _keepers;

    public Reaper(EventLoop loop)
    {
        _lost = new(loop);
        loop.Watch(_wake, Libc.EPOLLIN, _ => HandOver());
        new Thread(Wait, 64 * 1024) { IsBackground = true, Name = "reaper" }.Start();
    }

    /// <summary>Spawns a child; the callback gets its exit status, or 128 + the signal.</summary>
    public int Spawn(Spawn command, Action<int> ended)
    {
        var pid = command.Start();
        Await(pid, ended);
        Count(_started);
        return pid;
    }

    /// <summary>Spawns a child; completes with its exit status.</summary>
    public Task<int> RunAsync(Spawn command)
    {
        var done = new TaskCompletionSource<int>();
        _ = Spawn(command, done.SetResult);
        return done.Task;
    }

    /// <summary>From here on, ends of processes that nobody expects yet are kept: one of them may be what a command is about to name.</summary>
    public void Keep() => _keepers++;

    /// <summary>Ends what <see cref="Keep"/> began.</summary>
    public void Release()
    {
        if (--_keepers == 0)
        {
            _early.Clear();
        }
    }

    /// <summary>Calls back with the exit status of a process that the agent inherits.</summary>
    public void Expect(int pid, Action<int> ended)
    {
        if (_early.Remove(pid, out var status))
        {
            ended(status);
        }
        else
        {
            Await(pid, ended);
        }
    }

    private void Await(int pid, Action<int> ended)
    {
        _expected[pid] = ended;
        _lost.Watch(pid, () => _expected.TryGetValue(pid, out var awaited) && ReferenceEquals(awaited, ended), status =>
        {
            _expected.Remove(pid);
            ended(status);
        });
    }

    private void HandOver()
    {
        ulong count;
        _ = Libc.read(_wake, (byte*)&count, sizeof(ulong));
        while (_ended.TryDequeue(out var end))
        {
            if (_expected.Remove(end.Pid, out var ended))
            {
                ended(end.Status);
            }
            else if (_keepers > 0)
            {
                _early[end.Pid] = end.Status;
            }
        }
    }

    private void Wait()
    {
        // siginfo_t is 128 bytes; si_code is at 8, si_pid at 16, si_status at 24; see sigaction(2).
        var info = stackalloc int[32];
        while (true)
        {
            if (Libc.waitid(Libc.P_ALL, 0, info, Libc.WEXITED) == 0)
            {
                _ended.Enqueue((info[4], info[2] == Libc.CLD_EXITED ? info[6] : 128 + info[6]));
                Count(_wake);
            }
            else if (Marshal.GetLastPInvokeError() == Libc.ECHILD)
            {
                // Grandchildren come only by children, so nothing is missed until the next one starts.
                ulong count;
                _ = Libc.read(_started, (byte*)&count, sizeof(ulong));
            }
        }
    }

    private static void Count(int eventfd)
    {
        ulong one = 1;
        _ = Libc.write(eventfd, (byte*)&one, sizeof(ulong));
    }
}

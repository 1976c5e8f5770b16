using System.Diagnostics;
using Berth.Linux;

namespace Berth.Plugins.Health;

/// <summary>
/// Ends the gateway before its own code runs out of descriptors or threads that a plugin in its process does not give back: nobody can take them
/// away from it there. It looks at the edges of every call, so that growth is told to those that had calls, and on a thread of its own, for
/// calls that do not end. What an orderly gateway needs is nobody's.
/// </summary>
internal sealed class StarvationWatch : IDisposable
{
    // 2,000 are the connections that StreamingServer takes, some 300 what a gateway begins with; a container takes 2 (runc) to 5 (Docker), measured.
    private const int DescriptorsNeeded = 3_000, DescriptorsOfEach = 20;

    // The pool's, and a call that hangs holds one.
    private const int ThreadsNeeded = 400, ThreadsOfEachProcessor = 4, ThreadsOfEach = 2;

    // However many more the limits allow, each costs memory: a descriptor some 0.5 KiB of the kernel's, a thread some 50.
    private const int DescriptorsBeyond = 80_000, ThreadsBeyond = 4_000;

    // A tenth: what ends it needs some too.
    private const int Reserve = 10;

    // sysexits.h: EX_OSERR, no fork, no pipe.
    private const int ExitStatus = 71;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1), WhileItGrows = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly CallMarks _marks;
    private readonly OwnUsage _usage = new();
    private readonly CgroupLayout _cgroups = CgroupLayout.Detect();
    private readonly Level _descriptors = new(Resource.Descriptors), _threads = new(Resource.Threads);
    private readonly ManualResetEventSlim _over = new();
    private readonly Thread _thread;
    private int _threadLimit = int.MaxValue;
    private long _before = Stopwatch.GetTimestamp();

    /// <summary>Begins; before any plugin's code is loaded.</summary>
    public StarvationWatch(CallMarks marks)
    {
        _marks = marks;
        OwnProcess.PrepareEnd();
        Look();
        _marks.Edge = () => Look();
        _thread = new(Run) { IsBackground = true, Name = "starvation watch" };
        _thread.Start();
    }

    /// <summary>How many pods, containers and streams there are.</summary>
    public Func<int> Objects { get; set; } = static () => 0;

    public void Dispose()
    {
        _marks.Edge = null;
        _over.Set();
        _thread.Join();
        lock (_gate)
        {
            _usage.Dispose();
        }
    }

    private void Run()
    {
        while (!_over.Wait(Look() ? WhileItGrows : Pause))
        {
        }
    }

    // Whether there is more than ever.
    private bool Look()
    {
        lock (_gate)
        {
            if (_over.IsSet)
            {
                return false;
            }

            var (now, objects) = (Stopwatch.GetTimestamp(), Objects());
            var time = Stopwatch.GetElapsedTime(_before, now);
            _before = now;
            var descriptors = DescriptorsNeeded + (DescriptorsOfEach * objects);
            var threads = ThreadsNeeded + (ThreadsOfEachProcessor * Environment.ProcessorCount) + (ThreadsOfEach * objects);
            return Look(_descriptors, _usage.Descriptors, descriptors, descriptors + DescriptorsBeyond, static () => OwnUsage.DescriptorLimit, time)
                | Look(_threads, _usage.Threads, threads, threads + ThreadsBeyond, ThreadLimit, time);
        }
    }

    private bool Look(Level level, int taken, int needed, int most, Func<int> limit, TimeSpan time)
    {
        var isMore = taken > level.Peak;
        var grown = Math.Max(0, taken - Math.Max(level.Peak, needed));
        level.Peak = Math.Max(level.Peak, taken);
        if (taken > needed)
        {
            level.Tell(grown, time, _marks.Charge(level.Of, grown, time));
        }

        if (grown > 0 && limit() is var there && taken >= Math.Min(most, there - (there / Reserve)))
        {
            var starvation = level.End(taken, Math.Min(most, there));
            _marks.WriteEnd(starvation);
            OwnProcess.WriteError($"{starvation.Text} and ended itself: nothing here can take them from a plugin in its process\n");
            OwnProcess.EndNow(ExitStatus);
        }

        return isMore;
    }

    private int ThreadLimit()
    {
        try
        {
            _threadLimit = _usage.ThreadLimit(_cgroups);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No descriptor for it, or the cgroup is just being moved: what it was is good enough.
            return _threadLimit;
        }

        return _threadLimit;
    }

    private sealed class Level(Resource of)
    {
        private int _grown, _unclear, _idle;
        private TimeSpan _idleTime;

        public Resource Of => of;

        public int Peak { get; set; }

        // Growth within a time, in which so many plugins had calls.
        public void Tell(int grown, TimeSpan time, int plugins)
        {
            _grown += grown;
            _unclear += plugins > 1 ? grown : 0;
            _idle += plugins == 0 ? grown : 0;
            _idleTime += plugins == 0 ? time : TimeSpan.Zero;
        }

        public Starvation End(int taken, int limit) => new(of, taken, limit) { Grown = _grown, Unclear = _unclear, Idle = _idle, IdleTime = _idleTime };
    }
}

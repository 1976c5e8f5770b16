using Berth.Linux;

namespace Berth.Plugins.Shared;

/// <summary>
/// A conmon that lives: our own child, or adopted from an earlier gateway process. Only it can wait for the container's
/// init, so its end is when the exit is known, and if it was killed the status is lost.
/// </summary>
internal sealed class Monitor
{
    private const int SigKill = 9, SigStop = 19;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly Func<int, bool> _signal;

    private Monitor(int pid, ulong startTime, IDisposable process, Task end, Func<int, bool> signal)
    {
        (Pid, StartTime, _signal) = (pid, startTime, signal);
        Ended = ReleaseAsync(process, end);
    }

    /// <summary>Its process id.</summary>
    public int Pid { get; }

    /// <summary>When it started, in clock ticks since boot.</summary>
    public ulong StartTime { get; }

    /// <summary>Completes when it has ended.</summary>
    public Task Ended { get; }

    /// <summary>Takes over a child; it is reaped whatever happens to the handler.</summary>
    public static Monitor Of(ChildProcess child) =>
        new(child.Pid, PidFd.StartTime(child.Pid), child, child.WaitAsync(CancellationToken.None), child.Signal);

    /// <summary>Holds the one that started at that moment, or null if it is gone.</summary>
    /// <param name="pid">Its process id.</param>
    /// <param name="startTime">In clock ticks since boot.</param>
    /// <param name="letGo">Ends the wait for its end.</param>
    public static Monitor? Adopt(int pid, ulong startTime, CancellationToken letGo = default) =>
        PidFd.TryOpen(pid, startTime) is { } process
            ? new(pid, startTime, process, process.ExitedAsync(letGo), process.Signal)
            : null;

    /// <summary>Kills it, if it lives. While it creates a container, the runtime dies with it (PR_SET_PDEATHSIG).</summary>
    public void Kill() => _signal(SigKill);

    /// <summary>
    /// Kills it with all that it has started, such as a runtime in the middle of a creation, and returns when none of it is left. Stopped
    /// first it starts nothing more, and as it is their reaper (PR_SET_CHILD_SUBREAPER) none of them is anybody else's child.
    /// </summary>
    /// <exception cref="TimeoutException">They do not die.</exception>
    public async Task KillAllAsync(TimeProvider clock)
    {
        _signal(SigStop);
        List<PidFd> started = [.. ProcStat.Descendants(Pid).Select(PidFd.TryOpen).OfType<PidFd>()];
        try
        {
            // A number may have been taken over before it was held; what is still listed is the right process.
            var listed = ProcStat.Descendants(Pid).ToHashSet();
            List<PidFd> own = [.. started.Where(p => listed.Contains(p.Pid))];
            own.ForEach(static p => p.Signal(SigKill));
            Kill();
            await Task.WhenAll(own.Select(static p => p.ExitedAsync(CancellationToken.None)).Append(Ended)).WaitAsync(Limit, clock).ConfigureAwait(false);
        }
        finally
        {
            started.ForEach(static p => p.Dispose());
        }
    }

    /// <summary>Holds a process that is a child of this monitor, or null if it is not, or gone.</summary>
    public PidFd? OpenChild(int pid)
    {
        var process = pid > 0 ? PidFd.TryOpen(pid) : null;
        // The number is the child's for certain only while the monitor is its parent.
        if (process is not null && ProcStat.TryRead(pid)?.Parent != Pid)
        {
            process.Dispose();
            return null;
        }

        return process;
    }

    private static async Task ReleaseAsync(IDisposable process, Task end)
    {
        using (process)
        {
            await end.ConfigureAwait(false);
        }
    }
}

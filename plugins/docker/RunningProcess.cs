using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>A container's first process and the monitor above it, both held against reuse of their numbers.</summary>
internal sealed class RunningProcess : IDisposable
{
    private readonly PidFd _process;
    private readonly PidFd? _monitor;

    private RunningProcess(PidFd process, PidFd? monitor) => (_process, _monitor) = (process, monitor);

    public int Pid => _process.Pid;

    /// <summary>Holds it, or null if it is gone: the Engine's word for its number may be old, so its cgroup must name the container.</summary>
    public static RunningProcess? TryHold(long pid, string engineId)
    {
        if (pid <= 0 || PidFd.TryOpen((int)pid) is not { } process)
        {
            return null;
        }

        if (!CgroupNames((int)pid, engineId) || ProcStat.TryRead((int)pid) is not { } stat)
        {
            process.Dispose();
            return null;
        }

        // A process whose monitor is gone has the init of its PID namespace, or a subreaper, as its parent.
        var monitor = ProcessName(stat.Parent).StartsWith("containerd-shim", StringComparison.Ordinal) ? PidFd.TryOpen(stat.Parent) : null;
        return new(process, monitor);
    }

    public bool Signal(int signal) => _process.Signal(signal);

    /// <summary>Completes when the process has ended; the answer is what else happened, or null.</summary>
    public async Task<string?> EndAsync(CancellationToken cancellationToken)
    {
        if (_monitor is null)
        {
            await _process.ExitedAsync(cancellationToken).ConfigureAwait(false);
            return "it had no monitor any more";
        }

        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var process = _process.ExitedAsync(both.Token);
        var monitor = _monitor.ExitedAsync(both.Token);
        var first = await Task.WhenAny(process, monitor).ConfigureAwait(false);
        // In the common case the monitor lives on until the Engine has taken the status from it. On a busy machine both ends may be told
        // late, in any order: only a process that still runs has lost its monitor.
        var lost = first == monitor && monitor.IsCompletedSuccessfully && IsRunning ? $"its monitor (pid {_monitor.Pid}) was killed" : null;
        await process.ConfigureAwait(false);
        await both.CancelAsync().ConfigureAwait(false);
        await monitor.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return lost;
    }

    public void Dispose()
    {
        _process.Dispose();
        _monitor?.Dispose();
    }

    // A signal reaches it until it is reaped, so the number is still its own when /proc is asked.
    private bool IsRunning => _process.Signal(0) && ProcStat.TryRead(Pid) is { State: not ('Z' or 'X') };

    private static bool CgroupNames(int pid, string engineId)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cgroup").Contains(engineId, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string ProcessName(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm");
        }
        catch (IOException)
        {
            return "";
        }
    }
}

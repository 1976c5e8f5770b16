using System.Globalization;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>A process named for ever: numbers are used again, start times are not.</summary>
/// <param name="Pid">Its id.</param>
/// <param name="StartTime">Clock ticks since boot.</param>
internal sealed record ProcessIdentity(int Pid, ulong StartTime)
{
    private const int SigKill = 9;
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);

    public bool IsAlive => ProcStat.TryRead(Pid) is { State: not 'Z' } stat && stat.StartTime == StartTime;

    public PidFd? TryHold() => PidFd.TryOpen(Pid, StartTime);

    /// <summary>Kills it and its children, and waits until they are gone.</summary>
    /// <exception cref="TimeoutException">It does not die.</exception>
    public async Task KillAsync()
    {
        using var process = TryHold();
        if (process is null)
        {
            return;
        }

        var children = Children();
        process.Signal(SigKill);
        await ExitedAsync(process).ConfigureAwait(false);
        foreach (var child in children)
        {
            using (child)
            {
                child.Signal(SigKill);
                await ExitedAsync(child).ConfigureAwait(false);
            }
        }
    }

    private static async Task ExitedAsync(PidFd process)
    {
        using var limit = new CancellationTokenSource(KillLimit);
        try
        {
            await process.ExitedAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"process {process.Pid} does not die within {KillLimit.TotalSeconds:0} s", e);
        }
    }

    // A sandboxed file server is two processes, and the inner one, the init of its PID namespace, need not follow the outer.
    private List<PidFd> Children()
    {
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/task/{Pid}/children"));
            return [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static p => PidFd.TryOpen(int.Parse(p, CultureInfo.InvariantCulture))).OfType<PidFd>()];
        }
        catch (IOException)
        {
            return [];
        }
    }
}

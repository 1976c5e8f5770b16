namespace Berth.Guest.Agent;

/// <summary>
/// Deaths that waitid(2) never tells. Under emulation (QEMU's TCG) one first process of a container in some hundred was seen to stay in
/// state X: the kernel had marked it as reaped, and nobody was told. A pidfd is readable from a process's death on (pidfd_open(2)),
/// and its status is in /proc until it is reaped.
/// </summary>
internal sealed class LostDeaths(EventLoop loop)
{
    // Reaping takes its time on a busy machine, and is what tells nearly all of them.
    private const int GraceMilliseconds = 1000;

    /// <summary>Watches a process; where its death was not told otherwise in good time, it is told here.</summary>
    /// <param name="pid">A process that is not known to be reaped.</param>
    /// <param name="isAwaited">Whether nobody has told it yet.</param>
    /// <param name="tell">Takes the exit status.</param>
    public void Watch(int pid, Func<bool> isAwaited, Action<int> tell)
    {
        var descriptor = (int)Libc.syscall(Libc.SYS_pidfd_open, pid, 0, 0);
        if (descriptor < 0)
        {
            return; // it was reaped meanwhile, and its end is on the way
        }

        loop.Watch(descriptor, Libc.EPOLLIN, _ =>
        {
            loop.Forget(descriptor);
            Descriptors.Close(descriptor);
            LookLater(pid, isAwaited, tell);
        });
    }

    private void LookLater(int pid, Func<bool> isAwaited, Action<int> tell) => loop.After(GraceMilliseconds, () =>
    {
        if (!isAwaited() || ProcessStat.Of(pid) is not { } stat)
        {
            return;
        }

        if (stat.State == 'X')
        {
            tell(stat.ExitStatus);
        }
        else
        {
            LookLater(pid, isAwaited, tell);
        }
    });
}

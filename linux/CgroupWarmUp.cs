namespace Berth.Linux;

/// <summary>
/// The first move of a process between cgroups waits for a grace period of RCU (8 to 11 ms measured: the kernel's
/// cgroup_threadgroup_rwsem); moves within about as long after it do not wait. Whoever knows that a move is about to come, such as
/// a runtime that starts, has the wait happen meanwhile, by a move of this process to where it is already.
/// </summary>
public sealed class CgroupWarmUp(Cgroups cgroups)
{
    private int _running;

    /// <summary>Begins it and returns at once. One that runs already serves.</summary>
    public void Begin()
    {
        if (Interlocked.Exchange(ref _running, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.Run(), this, preferLocal: false);
        }
    }

    private void Run()
    {
        try
        {
            var hierarchy = cgroups.Layout.Find("freezer") ?? cgroups.Layout.Unified;
            var controller = hierarchy is { IsV2: true, Controllers: [var first, ..] } ? first : "freezer";
            if (hierarchy is not null && cgroups.PathOf(Environment.ProcessId, controller) is { } path)
            {
                CgroupFile.Write($"{hierarchy.Folder(path)}/cgroup.procs", "0"u8);
            }
        }
        catch (IOException)
        {
            // A cgroup that may not be written: all that is lost is the time that this would have saved.
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }
}

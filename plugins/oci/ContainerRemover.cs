using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// Ends and removes a container, whatever there is of it, from what was saved and what lies about; no object is needed.
/// Each step finds its work by itself, so it may be cut off anywhere and called again.
/// </summary>
internal sealed class ContainerRemover(HandlerTools tools)
{
    private const int SigKill = 9;

    // After its container has ended a monitor only drains pipes and writes two files.
    private static readonly TimeSpan MonitorLimit = TimeSpan.FromSeconds(10);

    /// <summary>Removes it. Absent is success.</summary>
    public async Task RemoveAsync(string id, ContainerFiles files, OciState? state)
    {
        var root = state?.RuntimeRoot ?? tools.RuntimeRoot;
        var cgroup = tools.CgroupOf(state);
        try
        {
            if (state is not null && Monitor.Adopt(state.MonitorPid, state.MonitorStartTime) is { } monitor)
            {
                await EndAsync(monitor, files).ConfigureAwait(false);
            }

            await cgroup.KillAsync().ConfigureAwait(false);
            if (Knows(root, id))
            {
                await DeleteAsync(root, id).ConfigureAwait(false);
            }

            await cgroup.RemoveAsync().ConfigureAwait(false);
            files.Delete();
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new RuntimeException(RuntimeErrorCode.Busy, $"container {id} cannot be removed yet: {e.Message}", e);
        }
    }

    /// <summary>Whether the runtime has a record of the container: each keeps files under its root that begin with the id.</summary>
    public static bool Knows(string root, string id) => Records(root, id).Length > 0;

    /// <summary>Kills the init, so that the monitor drains the log and writes the exit; kills the monitor if it will not end.</summary>
    private async Task EndAsync(Monitor monitor, ContainerFiles files)
    {
        using var init = monitor.OpenChild(files.ReadPid());
        if (init is not null)
        {
            init.Signal(SigKill);
            try
            {
                await monitor.Ended.WaitAsync(MonitorLimit, tools.Clock).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException)
            {
                // Killed below.
            }
        }

        await monitor.KillAllAsync(tools.Clock).ConfigureAwait(false);
    }

    private async Task DeleteAsync(string root, string id)
    {
        var result = await tools.Runtime.RunAsync(root, ["delete", "--force", id], CancellationToken.None).ConfigureAwait(false);
        if (result.ExitCode != 0 && Knows(root, id))
        {
            throw new RuntimeException(RuntimeErrorCode.Unavailable, $"container {id}: the runtime does not delete it: {result.Error}");
        }

        // A runtime that was killed while it created has no container to delete, but may have left a lock.
        foreach (var record in Records(root, id))
        {
            if (Directory.Exists(record))
            {
                FileTree.Delete(record);
            }
            else
            {
                File.Delete(record);
            }
        }
    }

    private static string[] Records(string root, string id) => Directory.Exists(root) ? Directory.GetFileSystemEntries(root, id + "*") : [];
}

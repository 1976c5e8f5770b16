using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>
/// Learns how a container ended. Its monitor writes the status and then ends, so the wait is on the monitor's pidfd: no
/// watch on a folder, no thread, and a monitor that was killed is noticed by the same wait.
/// </summary>
internal static class ExitWatch
{
    private const int Killed = 128 + 9;

    /// <summary>Waits; never faults. After the handler let go it never completes: another object tells of the end.</summary>
    public static async Task<ProcessExit> WaitAsync(
        string id, Monitor monitor, ContainerFiles files, ContainerCgroup cgroup, Action killInit, HandlerTools tools)
    {
        try
        {
            await monitor.Ended.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (tools.LetGo.IsCancellationRequested)
        {
            return await new TaskCompletionSource<ProcessExit>().Task.ConfigureAwait(false);
        }

        try
        {
            if (files.ReadExit() is null)
            {
                killInit();
            }

            // An init takes its PID namespace along. Without one of its own, others of the container may live on.
            await cgroup.KillAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            tools.Log.Write(PluginLogLevel.Error, $"container {id} has ended, but processes of it may be left: {e.Message}");
        }

        return Read(id, files, cgroup, tools) ?? Lost($"its monitor (pid {monitor.Pid}) was killed", tools.Clock);
    }

    /// <summary>What the monitor wrote, or null. The reason is found once and kept: what tells it goes with the cgroups.</summary>
    public static ProcessExit? Read(string id, ContainerFiles files, ContainerCgroup cgroup, HandlerTools tools)
    {
        if (files.ReadExit() is not { } exit || files.IsSettled)
        {
            return files.ReadExit();
        }

        // conmon may see the end before the kernel's notice of a kill; the count is never late.
        exit = exit with { OutOfMemory = exit.OutOfMemory || cgroup.WasOutOfMemory(exit.Code == Killed) };
        try
        {
            files.Settle(exit.OutOfMemory);
            cgroup.SettleOutOfMemory();
        }
        catch (IOException e)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"whether container {id} was killed for lack of memory is not kept: {e.Message}");
        }

        return exit;
    }

    /// <summary>An end whose status nobody knows.</summary>
    public static ProcessExit Lost(string reason, TimeProvider clock) =>
        new() { Code = 255, FinishedAt = clock.GetUtcNow(), LostReason = $"the exit status is lost: {reason}" };
}

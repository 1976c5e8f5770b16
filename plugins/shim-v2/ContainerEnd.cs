using Berth.Abstractions;
using Berth.Plugins.ShimV2.Ttrpc;

namespace Berth.Plugins.ShimV2;

/// <summary>What is done when a container has ended: its other processes, the reason, the record of its exit, its shim's memory of it, its log.</summary>
internal static class ContainerEnd
{
    private const int Killed = 128 + 9;

    /// <summary>Does it, and returns the exit; it never faults, for an exit is a fact.</summary>
    public static async Task<ProcessExit> SettleAsync(
        string id, ProcessExit exit, Shim? shim, ContainerFacts facts, ContainerCgroup cgroup, PodLog log, ShimTools tools)
    {
        try
        {
            // An init takes its PID namespace along. Without one of its own, others of the container may live on.
            await cgroup.KillAsync().ConfigureAwait(false);
            exit = exit with { OutOfMemory = tools.Events.TakeOutOfMemory(id) | cgroup.WasOutOfMemory(exit.Code == Killed) };
            facts.Files.WriteExit(exit);
            cgroup.SettleOutOfMemory();
            await log.HoldAsync(id).ConfigureAwait(false);

            if (shim is null or { Ended.IsCompleted: true })
            {
                await DeleteWithoutShimAsync(facts, tools).ConfigureAwait(false);
            }
            else
            {
                await shim.DeleteAsync(id, "").ConfigureAwait(false);
            }

            facts.Files.MarkForgotten();
        }
        catch (Exception e) when (e is RuntimeException or TtrpcException or TimeoutException or IOException or UnauthorizedAccessException)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"container {id} has ended, but something of it may be left until it is removed: {e.Message}");
        }

        await EndLogAsync(id, log, tools).ConfigureAwait(false);
        return exit;
    }

    /// <summary>Has the shim's program clean up in the bundle of a container whose shim is gone.</summary>
    public static async Task DeleteWithoutShimAsync(ContainerFacts facts, ShimTools tools)
    {
        if (Directory.Exists(facts.Files.Bundle))
        {
            await tools.Command.DeleteAsync(facts.Id, facts.Files.Bundle, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task EndLogAsync(string id, PodLog log, ShimTools tools)
    {
        try
        {
            await log.EndAsync(id).ConfigureAwait(false);
        }
        catch (RuntimeException e)
        {
            tools.Log.Write(PluginLogLevel.Warning, $"container {id}: the end of its output may be missing: {e.Message}");
        }
    }
}

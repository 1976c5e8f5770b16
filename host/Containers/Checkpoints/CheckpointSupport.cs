using Berth.Abstractions;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Containers.Checkpoints;

/// <summary>Whether a pod's handler has checkpoints, asked before anything is done.</summary>
internal static class CheckpointSupport
{
    /// <exception cref="RuntimeException">It has none, or not on this machine.</exception>
    public static void Demand(Sandbox sandbox, HandlerCheck check, string verb)
    {
        if (check.Features.Checkpoint)
        {
            return;
        }

        throw check.CheckpointReason is { } reason
            ? RuntimeException.FailedPrecondition($"{verb}: handler {sandbox.Handler} cannot do checkpoints on this node: {reason}")
            : new RuntimeException(RuntimeErrorCode.NotSupported, $"{verb}: handler {sandbox.Handler} has no checkpoints; choose another RuntimeClass for pods that need them");
    }

    /// <summary>The same of a pod that is there.</summary>
    public static void Demand(Sandbox sandbox, PluginSnapshot table, string verb)
    {
        Demand(sandbox, table.Get(sandbox.HandlerKey).Health.Check, verb);
        if (PodUsers.Of(sandbox) is not null)
        {
            throw RuntimeException.FailedPrecondition($"{verb}: pod sandbox {sandbox.Id} has a user namespace of its own, which CRIU does not put back; use a pod in the host's (hostUsers)");
        }
    }
}

using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Containers;
using Berth.Plugins;
using Berth.Sandboxes;

namespace Berth.Reload;

/// <summary>
/// Moves pods from a version of a plugin that was replaced to the one in force: where the new one reads the records of the old one,
/// and both can hold a pod at a time. Other pods stay where they are until they end.
/// </summary>
public sealed class PodMoves(HandlerTable table, SandboxRegistry sandboxes, SandboxAdoption adoption, ILogger<PodMoves> log)
{
    private readonly ConcurrentDictionary<(string Sandbox, string Instance), bool> _refused = new();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var current = table.Current;
        foreach (var from in current.Draining)
        {
            if (current.Handlers.GetValueOrDefault(from.Name) is { Ready: true } to && to.Plugin == from.Plugin && HoldTogether(from) && HoldTogether(to))
            {
                foreach (var sandbox in sandboxes.All().Where(s => s.HandlerKey == from.Key && s.Phase == SandboxPhase.Ready && !_refused.ContainsKey((s.Id, to.Instance))))
                {
                    await MoveAsync(sandbox, from, to, cancellationToken);
                }
            }
        }
    }

    private static bool HoldTogether(HandlerEntry handler) => handler.Handler is { Health.Features.AdoptsLive: true };

    private async Task MoveAsync(Sandbox sandbox, HandlerEntry from, HandlerEntry to, CancellationToken cancellationToken)
    {
        try
        {
            if (adoption.CanRead(sandbox, to) && await adoption.TryMoveAsync(sandbox, to, cancellationToken))
            {
                ReloadLog.PodMoved(log, sandbox.Id, to.Name, from.PluginVersion, to.PluginVersion);
            }
        }
        catch (RuntimeException e)
        {
            _refused[(sandbox.Id, to.Instance)] = true;
            ReloadLog.PodNotMoved(log, sandbox.Id, to.Name, from.PluginVersion, to.PluginVersion, e.Message);
        }
    }
}

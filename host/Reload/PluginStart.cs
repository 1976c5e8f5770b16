using Berth.Configuration;
using Berth.Containers;
using Berth.Metrics;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Sandboxes;

namespace Berth.Reload;

/// <summary>
/// Plugins at the gateway's start, when the records of pods are known: what the folders hold, and beside it the older versions that
/// pods of an earlier process still need.
/// </summary>
public sealed class PluginStart(
    BerthOptions options, HandlerTable table, PluginCatalog catalog, PluginRetirement retirement, Quarantine quarantine, DeathWatch watch, PluginStore store, BerthMetrics metrics, ILogger<PluginStart> log, SandboxRegistry sandboxes, SandboxAdoption adoption, CgroupTree cgroups)
{
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        quarantine.Load();
        Judge();
        var snapshot = await catalog.LoadAsync(options, cgroups.Driver, PluginSnapshot.Empty, retry: true, cancellationToken);
        var left = sandboxes.All().Where(s => NeedsItsOwn(s, snapshot)).Select(static s => (s.Handler, s.PluginDigest)).Distinct();
        foreach (var (handler, digest) in left)
        {
            snapshot = await catalog.AddDrainingAsync(snapshot, handler, digest, cgroups.Driver, cancellationToken);
        }

        table.Swap(snapshot);
        PluginRefusals.Count(metrics, PluginSnapshot.Empty, snapshot);
        retirement.Sweep();
    }

    // Before any code is loaded.
    private void Judge()
    {
        if (watch.Before is not { } death)
        {
            return;
        }

        ReloadLog.Died(log, death.Words.Length > 0 ? death.Words.Trim().ReplaceLineEndings(" | ") : death.Note.Length > 0 ? death.Note : "it left no word");
        foreach (var verdict in Inquest.Judge(death, code => TypeNames.Of(store.FolderOf(code.Digest))))
        {
            var code = verdict.Code;
            var standing = quarantine.StandingOf(new HandlerKey(code.Handler, code.Instance), code.Plugin, code.Version);
            if (verdict.IsCertain)
            {
                quarantine.Convict(standing, verdict.Reason, verdict.IsHeld);
            }
            else
            {
                ReloadLog.Suspected(log, code.Handler, code.Plugin, code.Version);
                quarantine.Suspect(standing, verdict.Reason, verdict.IsHeld, verdict.Memory);
            }
        }
    }

    // Another version than the pod's own serves it too, if it reads its records.
    private bool NeedsItsOwn(Sandbox sandbox, PluginSnapshot snapshot) =>
        sandbox.PluginDigest.Length > 0
        && (snapshot.Handlers.GetValueOrDefault(sandbox.Handler) is not { Handler: not null } entry
            || (entry.PluginDigest != sandbox.PluginDigest && !adoption.CanRead(sandbox, entry)));
}

using Berth.Configuration;
using Berth.Plugins;
using Berth.Plugins.Signatures;

namespace Berth.Admin.Checks;

/// <summary>Handlers that are not ready, and plugins that are not in use.</summary>
public sealed class HandlersCheck(HandlerTable table) : IDoctorCheck
{
    public string Subject => "handlers";

    public IEnumerable<DoctorFinding> Examine()
    {
        var snapshot = table.Current;
        return [.. snapshot.Handlers.Values.OrderBy(static h => h.Name, StringComparer.Ordinal).SelectMany(h => (IEnumerable<DoctorFinding>)[Handler(h), .. Checkpoints(h)]), .. Default(snapshot), .. snapshot.Plugins.SelectMany(Plugin), .. Unsigned(snapshot), .. Reload(table.LastReload)];
    }

    private DoctorFinding Handler(HandlerEntry handler)
    {
        var subject = $"handler {handler.Name}";
        return handler.State switch
        {
            PluginState.Active => DoctorFinding.Ok(subject, handler.Handler?.Health.Check.RuntimeVersion ?? "ready"),
            PluginState.Disabled => DoctorFinding.Ok(subject, "disabled"),
            _ when handler.Name == table.Current.Options.Selection.Default =>
                DoctorFinding.Error(subject, $"the default handler is not ready: {handler.Reason}", "do what the reason says, or set selection.default to another handler"),
            _ => DoctorFinding.Warning(subject, $"not ready: {handler.Reason}", $"do what the reason says, or set handlers.{handler.Name}.disabled"),
        };
    }

    // Pods run without: so it is no warning.
    private static IEnumerable<DoctorFinding> Checkpoints(HandlerEntry handler) => handler is { State: PluginState.Active, Handler.Health.Check.CheckpointReason: { } reason }
        ? [new(DoctorSeverity.Ok, $"handler {handler.Name}", $"no checkpoints: {reason}", "")]
        : [];

    private static IEnumerable<DoctorFinding> Default(PluginSnapshot snapshot) => snapshot.KnownHandlers.Contains(snapshot.Options.Selection.Default)
        ? []
        : [DoctorFinding.Error("selection", $"there is no handler '{snapshot.Options.Selection.Default}', which is the default", $"set selection.default; {NearestName.Hint(snapshot.Options.Selection.Default, snapshot.KnownHandlers)}")];

    private static IEnumerable<DoctorFinding> Unsigned(PluginSnapshot snapshot)
    {
        var taken = snapshot.Plugins.Where(static p => p.Origin == SignaturePolicy.Unsigned).Select(static p => p.Id).Distinct().ToList();
        return snapshot.Options.Plugins.Signatures.AllowUnsigned
            ? [DoctorFinding.Warning(
                "signatures",
                $"plugins that nobody has signed are allowed{(taken.Count > 0 ? $", and taken: {string.Join(", ", taken)}" : "")}",
                "list their makers' keys in plugins.signatures.keys, and remove plugins.signatures.allowUnsigned")]
            : [];
    }

    private static IEnumerable<DoctorFinding> Reload(ReloadState last)
    {
        if (last.ConfigurationProblem.Length > 0)
        {
            yield return DoctorFinding.Error("configuration", $"the file is not in force: {last.ConfigurationProblem}", "correct it; the gateway notices by itself");
        }

        if (last.RestartKeys.Count > 0)
        {
            yield return DoctorFinding.Warning("configuration", $"not in force yet: {string.Join(", ", last.RestartKeys)}", "restart the gateway; pods run on");
        }
    }

    private static IEnumerable<DoctorFinding> Plugin(PluginEntry plugin) => plugin.State is PluginState.Failed or PluginState.Incompatible
        ? [DoctorFinding.Error($"plugin {plugin.Id}", $"{plugin.State}: {plugin.Reason}", $"repair or remove {plugin.Folder}; the gateway notices by itself")]
        : [];
}

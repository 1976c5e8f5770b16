using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Admin.Checks;

/// <summary>Handlers that are not ready, and plugins that are not in use.</summary>
public sealed class HandlersCheck(HandlerTable table, BerthOptions options) : IDoctorCheck
{
    public string Subject => "handlers";

    public IEnumerable<DoctorFinding> Examine()
    {
        var snapshot = table.Current;
        return [.. snapshot.Handlers.Values.OrderBy(static h => h.Name, StringComparer.Ordinal).Select(Handler), .. Default(snapshot), .. snapshot.Plugins.SelectMany(Plugin)];
    }

    private DoctorFinding Handler(HandlerEntry handler)
    {
        var subject = $"handler {handler.Name}";
        return handler.State switch
        {
            PluginState.Active => DoctorFinding.Ok(subject, handler.Handler?.Health.Check.RuntimeVersion ?? "ready"),
            PluginState.Disabled => DoctorFinding.Ok(subject, "disabled"),
            _ when handler.Name == options.Selection.Default =>
                DoctorFinding.Error(subject, $"the default handler is not ready: {handler.Reason}", "do what the reason says, or set selection.default to another handler"),
            _ => DoctorFinding.Warning(subject, $"not ready: {handler.Reason}", $"do what the reason says, or set handlers.{handler.Name}.disabled"),
        };
    }

    private IEnumerable<DoctorFinding> Default(PluginSnapshot snapshot) => snapshot.KnownHandlers.Contains(options.Selection.Default)
        ? []
        : [DoctorFinding.Error("selection", $"there is no handler '{options.Selection.Default}', which is the default", $"set selection.default; {NearestName.Hint(options.Selection.Default, snapshot.KnownHandlers)}")];

    private static IEnumerable<DoctorFinding> Plugin(PluginEntry plugin) => plugin.State is PluginState.Failed or PluginState.Incompatible
        ? [DoctorFinding.Error($"plugin {plugin.Id}", $"{plugin.State}: {plugin.Reason}", $"repair or remove {plugin.Folder}, then restart the gateway")]
        : [];
}

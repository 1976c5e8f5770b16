using System.Text;
using Berth.Sandboxes;

namespace Berth.Containers;

/// <summary>For each pod a line that says which handler runs it, and why: to be joined with the other series by namespace and pod.</summary>
public static class PodHandlerText
{
    public static string Write(IEnumerable<Sandbox> sandboxes)
    {
        var text = new StringBuilder("# HELP berth_pod_handler Which handler runs the pod, and what decided\n# TYPE berth_pod_handler gauge\n");
        foreach (var sandbox in sandboxes.Where(static s => s.Phase == SandboxPhase.Ready))
        {
            (string Name, string Value)[] labels =
            [
                ("namespace", sandbox.Spec.Namespace), ("pod", sandbox.Spec.Name), ("id", sandbox.Id), ("handler", sandbox.Handler),
                ("plugin", sandbox.Plugin), ("plugin_version", sandbox.PluginVersion), ("reason", sandbox.HandlerReason),
            ];
            text.Append("berth_pod_handler{").AppendJoin(',', labels.Select(static l => $"{l.Name}=\"{PodSeriesText.Escape(l.Value)}\"")).Append("} 1\n");
        }

        return text.ToString();
    }
}

using System.Globalization;
using Berth.Abstractions;
using Berth.Common;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Network;
using Berth.Plugins;
using Berth.Plugins.Signatures;

namespace Berth.Sandboxes;

/// <summary>A handler, as Status shows it.</summary>
public sealed record HandlerStatus(string Name, bool IsDefault, bool Ready, string Reason, HandlerFeatures Features, string Plugin, string RuntimeVersion);

/// <summary>What the CRI Status call answers.</summary>
public sealed record GatewayConditions(
    bool RuntimeReady,
    string RuntimeReason,
    string RuntimeMessage,
    bool NetworkReady,
    string NetworkReason,
    string NetworkMessage,
    IReadOnlyList<HandlerStatus> Handlers,
    IReadOnlyDictionary<string, string> Info);

/// <summary>The gateway's state, from memory: no plugin and no process is asked.</summary>
public sealed class GatewayStatus(HandlerTable handlers, CniConfiguration cni, CgroupTree cgroups, HostFacts facts, UserNamespaceSupport users)
{
    public CgroupDriver CgroupDriver => cgroups.Driver;

    public GatewayConditions Read()
    {
        var table = handlers.Current;
        var chosen = table.Options.Selection.Default;
        var rows = table.Handlers.Values
            .Select(h => new HandlerStatus(h.Name, h.Name == chosen, h.Ready, h.Reason, Features(h.Handler), h.Plugin, h.Handler?.Health.Check.RuntimeVersion ?? ""))
            .OrderBy(static h => h.Name, StringComparer.Ordinal)
            .ToList();
        var fallback = rows.Find(static h => h.IsDefault);
        var (ready, reason, message) = fallback switch
        {
            null => (false, "DefaultHandlerMissing", $"the default handler {chosen} does not exist; known: {string.Join(", ", rows.Select(static h => h.Name))}"),
            { Ready: false } => (false, "DefaultHandlerNotReady", $"handler {fallback.Name}: {fallback.Reason}"),
            _ => (true, "", ""),
        };
        var network = cni.Current;
        return new(ready, reason, message, network.Ready, network.Reason, network.Message, rows, Info(table));
    }

    // What takes a handler and the machine is there if both have it.
    private HandlerFeatures Features(GuardedHandler? handler) => handler?.Health.Features is { } own
        ? own with { UserNamespaces = own.UserNamespaces && users.Reason is null }
        : new();

    private Dictionary<string, string> Info(PluginSnapshot table)
    {
        var info = new Dictionary<string, string>
        {
            ["cgroupDriver"] = cgroups.Driver.ToString(),
            ["oomScoreAdjFloor"] = facts.OomScoreFloor.ToString(CultureInfo.InvariantCulture),
            ["capabilitiesMissing"] = string.Join(",", CapabilitySet.All.Except(facts.BoundingSet).Names),
        };
        if (users.Reason is { } missing)
        {
            info["userNamespacesMissing"] = missing;
        }

        info["generation"] = table.Generation.ToString(CultureInfo.InvariantCulture);
        if (table.Options.Plugins.Signatures.AllowUnsigned)
        {
            var taken = table.Plugins.Where(static p => p.Origin == SignaturePolicy.Unsigned).Select(static p => $"{p.Id} {p.Version}").Distinct();
            info["plugins.unsigned"] = $"allowed by plugins.signatures.allowUnsigned; taken: {(string.Join(", ", taken) is { Length: > 0 } names ? names : "none")}";
        }

        if (handlers.LastReload is { ConfigurationProblem: { Length: > 0 } problem })
        {
            info["reload.problem"] = problem;
        }

        if (handlers.LastReload is { RestartKeys: { Count: > 0 } keys })
        {
            info["reload.restartRequired"] = string.Join(", ", keys);
        }

        foreach (var plugin in table.PluginsNow().Where(static p => p.Reason.Length > 0))
        {
            info[$"plugin.{plugin.Folder}{(plugin.State == PluginState.Draining ? $" {plugin.Version}" : "")}"] = $"{plugin.State}: {plugin.Reason}";
        }

        return info;
    }
}
